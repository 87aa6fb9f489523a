/* SPDX-License-Identifier: Apache-2.0 */
/* process/folder.h - folders that weir makes for its own files. */
#ifndef PROCESS_FOLDER_H
#define PROCESS_FOLDER_H

/* Makes the folder that `path` lies in, if only that one is missing. What fails shows when the
 * file is made. */
void folder_make_for(const char *path);

#endif
