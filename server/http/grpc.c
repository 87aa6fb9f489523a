/* SPDX-License-Identifier: Apache-2.0 */
#include "http/grpc.h"

#include "base/str.h"
#include "http/client.h"

bool grpc_is_call(const struct weir_req *req)
{
    const weir_field *type = fields_get(&req->fields[WEIR_REQUEST], WEIR_F_CONTENT_TYPE);
    const weir_str name = STR("application/grpc");

    return type && req->client->codec && str_starts_with(type->value, name) &&
           (type->value.n == name.n || type->value.p[name.n] == '+' ||
            type->value.p[name.n] == ';');
}

/* gRPC's own mapping for proxies; what weir knows better is said: too large, too late. */
static weir_str code_of(uint32_t status)
{
    static const struct {
        uint16_t status;
        const char *code;
    } codes[] = {
        {400, "13"}, /* INTERNAL */
        {401, "16"}, /* UNAUTHENTICATED */
        {403, "7"},  /* PERMISSION_DENIED */
        {404, "12"}, /* UNIMPLEMENTED */
        {408, "4"},  /* DEADLINE_EXCEEDED */
        {413, "8"},  /* RESOURCE_EXHAUSTED */
        {429, "14"}, /* UNAVAILABLE: try again */
        {431, "8"},
        {502, "14"},
        {503, "14"},
        {504, "4"},
    };

    for (size_t i = 0; i < WEIR_COUNT(codes); i++) {
        if (codes[i].status == status) {
            return str_from(codes[i].code);
        }
    }
    return STR("2"); /* UNKNOWN */
}

void grpc_describe(struct weir_req *req, uint32_t status)
{
    struct fields *fields = &req->fields[WEIR_RESPONSE];
    weir_str reason = reason_name(req->reason);
    weir_str message = arena_printf(&req->arena, "%u %.*s", status, (int)reason.n, reason.p);

    fields_set(fields, WEIR_F_CONTENT_TYPE, field_name(WEIR_F_CONTENT_TYPE),
               STR("application/grpc"), 0);
    fields_set(fields, field_id(STR("grpc-status")), STR("grpc-status"), code_of(status), 0);
    fields_set(fields, field_id(STR("grpc-message")), STR("grpc-message"), message, 0);
}
