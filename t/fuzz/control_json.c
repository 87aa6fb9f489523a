/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in JSON: what is taken reads as the same words again. */
#include <stdlib.h>
#include <string.h>

#include "process/command.h"
#include "process/control_json.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char line[IPC_TEXT], command[IPC_TEXT], room[IPC_TEXT], again[IPC_TEXT], word[IPC_TEXT];
    weir_str words[WORDS_MAX];
    const char *error;
    uint32_t n;

    if (size >= sizeof(line)) {
        size = sizeof(line) - 1;
    }
    memcpy(line, data, size);
    line[size] = '\0';
    if (!control_json_read(line, command, sizeof(command), &error)) {
        if (!error) {
            abort();
        }
        return 0;
    }
    if (!command_split(command, room, words, WORDS_MAX, &n)) {
        return 0; /* more words than a command may have */
    }
    again[0] = '\0';
    for (uint32_t i = 0; i < n; i++) {
        memcpy(word, words[i].p, words[i].n);
        word[words[i].n] = '\0';
        if (!command_append(again, sizeof(again), word)) {
            abort();
        }
    }
    if (strcmp(again, command) != 0) {
        abort();
    }
    return 0;
}
