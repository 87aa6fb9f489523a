/* SPDX-License-Identifier: Apache-2.0 */
/* process/ipc.h - messages between master, loader and workers over a SOCK_SEQPACKET pair, with
 * descriptors. The master reads nothing else from its children, so this stays small. */
#ifndef PROCESS_IPC_H
#define PROCESS_IPC_H

#include <stddef.h>
#include <stdint.h>

enum ipc_type {
    IPC_SOCKET,     /* a listening socket: its key and descriptor, either way */
    IPC_ZONE,       /* shared memory: its name and descriptor, either way */
    IPC_LOBBY,      /* master: an end of the pair that connections move through; `index` 0: in, 1: out */
    IPC_SECRET,     /* master: config_secret, in hexadecimal digits */
    IPC_SOCKETS_END,/* master: you have all that I hold; you are generation `index` */
    IPC_PATHS,      /* loader: pid file, control socket, and that one's group id or nothing; lines */
    IPC_READY,      /* loader: so many workers accept; the text says how many sites there are */
    IPC_FAILED,     /* loader: the text says why */
    IPC_DRAIN,      /* master, loader: finish what is under way, then exit; `index` 1: there is a
                       successor, and connections move to it */
    IPC_PAUSE,      /* master, loader: take no new connection, go on with the others */
    IPC_RESUME,     /* master, loader: take new ones again */
    IPC_LIMIT,      /* master: say UNHEALTHY when more than `index` of 10000 answers are 5xx */
    IPC_UNHEALTHY,  /* loader: they are; the text says how many */
    IPC_DRAINING,   /* worker, loader: no new connection is taken any more */
    IPC_STOP,       /* exit at once */
    IPC_REOPEN,     /* log files */
    IPC_TOLD,       /* loader: a module's watch() has news: its number, and the bytes as a descriptor */
    IPC_QUARANTINE, /* loader: take this module out; master: these are out, by name */
    IPC_TROUBLE,    /* loader: the text says how a worker died, or with `index` 1 where it is stuck */
    IPC_COMMAND,    /* master: a line of the control socket, and the connection to answer on;
                       `index` 1: in JSON */
    IPC_GONE,       /* loader: all workers have ended */
    IPC_KEEP        /* master: this configuration is good: keep it for a restart */
};

#define IPC_TEXT 8192

struct ipc_message {
    uint32_t type;
    uint32_t index;      /* IPC_SOCKET: which of the workers' sockets of that address */
    char text[IPC_TEXT]; /* IPC_SOCKET: the address; NUL-terminated */
};

/* Both return 0 or a negative errno; ipc_recv() -EPIPE at the other side's end. *fd is -1 when no
 * descriptor came; the receiver owns it. */
int ipc_send(int sock, enum ipc_type type, uint32_t index, const char *text, int fd);
int ipc_recv(int sock, struct ipc_message *message, int *fd);

#endif
