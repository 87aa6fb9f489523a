/* SPDX-License-Identifier: Apache-2.0 */
/* process/sites.h - sites that are switched on and off by the names of their files:
 * SITE.conf is read, SITE.conf.off is not. */
#ifndef PROCESS_SITES_H
#define PROCESS_SITES_H

#include <stdbool.h>

enum {
    SITES_DONE,    /* the file has its other name now */
    SITES_ALREADY, /* it had that name; said on standard error */
    SITES_FAILED   /* why is said on standard error */
};

/* Switches a file of the folder `folder`; `site` with or without ".conf". */
int sites_switch(const char *folder, const char *site, bool on);

#endif
