/* SPDX-License-Identifier: Apache-2.0 */
/* process/control_json.h - the control socket for programs: JSON (RFC 8259), one line each way.
 *
 *   {"command": ["peers", "app", "--json"]}
 *   {"ok": true, "data": [{...}]}         what a command prints as JSON, an element for each line
 *   {"ok": true, "text": "..."}           what others print
 *   {"ok": false, "error": "..."} */
#ifndef PROCESS_CONTROL_JSON_H
#define PROCESS_CONTROL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A request as the line that weir's own commands send, into `command` of `size` bytes. False: *error
 * (static) says what is wrong. */
bool control_json_read(const char *line, char *command, size_t size, const char **error);
/* An answer, with the end of its line. */
void control_json_write(FILE *out, bool fine, const char *text, size_t n);

#endif
