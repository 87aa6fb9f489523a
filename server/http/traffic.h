/* SPDX-License-Identifier: Apache-2.0 */
/* http/traffic.h - what is counted of requests: per site, per reason, per module and phase. */
#ifndef HTTP_TRAFFIC_H
#define HTTP_TRAFFIC_H

#include <stdint.h>

struct config;
struct plan;
struct weir_req;

/* The numbers of a site's metrics. */
struct traffic {
    uint32_t responses[6]; /* by the status's first digit; 0: the client left before */
    uint32_t sent, received, duration;
};

/* Defines the metrics of all sites and of the modules' hooks in them; when the configuration is
 * committed. */
void traffic_define(struct config *config);

/* A connection was accepted or has gone; a request has begun or has ended. */
void traffic_connection(int n);
void traffic_begin(struct weir_req *req);
void traffic_end(const struct weir_req *req);
/* How many are under way in this worker. */
unsigned traffic_live(void);

/* All responses of one worker slot so far, and those with a status of 500 and up. */
void traffic_of_slot(uint32_t slot, int64_t *responses, int64_t *failed);

#endif
