/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gives a fuzz target the files that are named, one after the other, and says
 * how many there were. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "test/fuzz/fuzz.h"

#define INPUT_MAX (4u << 20)

/* In memory of just its size, so that a sanitizer sees a read beyond it. */
static int replay(const char *path)
{
    static uint8_t whole[INPUT_MAX];
    FILE *f = fopen(path, "re");
    uint8_t *input;
    size_t n, i;

    if (!f) {
        perror(path);
        return -1;
    }
    n = fread(whole, 1, sizeof(whole), f);
    if (ferror(f) || n == sizeof(whole)) {
        fprintf(stderr, "%s: cannot be read, or is too large\n", path);
        fclose(f);
        return -1;
    }
    fclose(f);
    input = malloc(n ? n : 1);
    if (!input) {
        perror(path);
        return -1;
    }
    for (i = 0; i < n; i++)
        input[i] = whole[i];
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(input, n);
    free(input);
    return 0;
}

int main(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++)
        if (replay(argv[i]))
            return EXIT_FAILURE;
    printf("%d inputs\n", argc - 1);
    return EXIT_SUCCESS;
}
