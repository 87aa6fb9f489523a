/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the files that are named on the command line through a fuzz target, without libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        uint8_t *data = malloc(1 << 20);

        if (!file || !data) {
            perror(argv[i]);
            return 1;
        }
        size_t n = fread(data, 1, 1 << 20, file);
        fclose(file);
        data = realloc(data, n ? n : 1); /* so that a read behind the end is seen */
        LLVMFuzzerTestOneInput(data, n);
        free(data);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
