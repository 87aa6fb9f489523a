/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

static unsigned count;
static bool is_repeated;

unsigned complaints(void)
{
    return count;
}

void advise_not(bool is_repeated_)
{
    is_repeated = is_repeated_;
}

void complain(weir_cfg *cfg, const char *opt, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    count++;
    if (cfg) {
        weir_cfg_error(cfg, opt, "%s", text);
    } else {
        weir_log(WEIR_LOG_ERROR, NULL, "tls: %s", text);
    }
}

void advise(weir_cfg *cfg, const char *opt, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (cfg) {
        weir_cfg_warn(cfg, opt, "%s", text);
    } else if (!is_repeated) {
        weir_log(WEIR_LOG_WARN, NULL, "tls: %s", text);
    }
}
