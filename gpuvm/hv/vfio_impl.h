/* SPDX-License-Identifier: MIT */
/*
 * The vfio-user port's own: shared by vfio_user.c (port, rounds), vfio_guest.c
 * (birth, death), vfio_stream.c (framing), vfio_request.c (messages),
 * vfio_dma.c (guest RAM), vfio_irq.c (interrupts) and vfio_log.c (last accesses).
 */
#ifndef GPUVM_HV_VFIO_IMPL_H
#define GPUVM_HV_VFIO_IMPL_H

#include "gpuvm/base/bits.h"
#include "gpuvm/hv/vfio_user.h"
#include "gpuvm/hv/vfio_wire.h"

#define VFIO_PAGE 4096ull
#define VFIO_MSG_FDS 8u		  /* per message; told to the client */
#define VFIO_DATA_MAX (64u << 10) /* bytes of data in one message; told to the client */
#define VFIO_MSG_MAX (VFIO_DATA_MAX + 64u)
#define VFIO_MULTI_MAX 512u	  /* writes in one message; QEMU sends at most 200 */
#define VFIO_RANGES 256u	  /* RAM ranges of one guest; QEMU has about 20 */
#define VFIO_CONFIG_LEN 4096u
#define VFIO_IO_LEN 128u

/* A range of guest-physical addresses the client told of; mem is NULL where the GPU cannot reach it. */
struct vfio_range {
	uint64_t gpa, len;
	uint8_t *mem;
	uint64_t pins;
};

/* Bytes from the client.  in[head, tail) is unread; fds came with the message that holds byte fd_at - 1. */
struct vfio_stream {
	int fd; /* -1: no client yet */
	uint8_t *in; /* VFIO_MSG_MAX bytes, owned */
	uint8_t *out; /* likewise */
	uint32_t head, tail, fd_at;
	int fds[VFIO_MSG_FDS];
	uint32_t nr_fds;
};

/* One message, whole.  Handlers take descriptors by setting them to -1; the rest is closed. */
struct vfio_msg {
	struct vfio_hdr hdr;
	const uint8_t *data; /* in the stream's buffer; the client cannot change it any more */
	uint32_t len;
	int fds[VFIO_MSG_FDS];
	uint32_t nr_fds;
};

struct vfio_guest {
	struct hv_guest g;
	struct vfio_stream s;
	int listen_fd; /* -1 once a client has come */
	char *path;    /* owned; NULL: nothing to unlink */
	uint64_t bar_len[6];
	uint8_t *rom; /* owned */
	uint32_t rom_len;
	bool spoke;  /* VERSION is done */
	bool attached, dying;
	bool more;   /* the last turn ended with something left to do */
	int irq_fd[2]; /* VFIO_INTX, VFIO_MSI; -1 = off */
	bool intx_masked;
	struct vfio_range *range; /* owned, nr_ranges of VFIO_RANGES */
	uint32_t nr_ranges;
	struct {
		bool waits; /* nothing else is served until the core lets go of the memory */
		struct vfio_hdr hdr;
		struct vfio_dma_unmap req;
		uint64_t since;
	} unmap;
	struct hv_vfio_stats stats;
	struct vfio_log *log; /* owned; NULL: none wanted */
};

struct vfio {
	struct hv hv;
	int epoll;
	struct list guests;
	struct vfio_guest *slot[VFIO_GUESTS];
	unsigned int nr_dying;
	bool dispatching;
};

static inline struct vfio *vfio_of(struct hv *h)
{
	return container_of(h, struct vfio, hv);
}
static inline struct vfio_guest *vfio_guest_of(const struct hv_guest *g)
{
	return container_of(g, struct vfio_guest, g);
}

/* vfio_stream.c */
int vfio_stream_init(struct vfio_stream *);
void vfio_stream_fini(struct vfio_stream *);
/*
 * The next message if it is there: 1, 0 (not yet), or negative when the
 * connection is over or unusable.  It stays valid until the next call; after a
 * 1 the caller calls vfio_msg_done().
 */
int vfio_stream_next(struct vfio_stream *, struct vfio_msg *out);
void vfio_msg_done(struct vfio_msg *);
/* Whether a whole message is already in the buffer. */
bool vfio_stream_ready(const struct vfio_stream *);
/* The reply to hdr with len bytes that the caller has put at vfio_stream_body(). */
uint8_t *vfio_stream_body(struct vfio_stream *);
int vfio_stream_reply(struct vfio_stream *, const struct vfio_hdr *hdr, uint32_t len);
int vfio_stream_error(struct vfio_stream *, const struct vfio_hdr *hdr, int err);

/* vfio_request.c: negative ends the connection.  *cost grows by the accesses served. */
int vfio_request(struct vfio_guest *, struct vfio_msg *, unsigned int *cost);

/* vfio_dma.c */
int vfio_dma_map(struct vfio_guest *, struct vfio_msg *);
/* -EBUSY: the core still uses it, ask again. */
int vfio_dma_unmap(struct vfio_guest *, const struct vfio_dma_unmap *);
void vfio_dma_fini(struct vfio_guest *);
int vfio_ram_read(struct hv_guest *, gpa_t src, void *buf, size_t len);
int vfio_ram_write(struct hv_guest *, gpa_t dst, const void *buf, size_t len);
int vfio_ram_pin(struct hv_guest *, gpa_t page, dma_t *out);
void vfio_ram_unpin(struct hv_guest *, gpa_t page);
int vfio_ram_range(struct hv_guest *, unsigned int i, struct hv_ram *out);

/* vfio_irq.c */
int vfio_irq_info(uint32_t index, struct vfio_irq_info *out);
int vfio_irq_set(struct vfio_guest *, struct vfio_msg *);
int vfio_irq_raise(struct hv_guest *, unsigned int vector);
void vfio_irq_fini(struct vfio_guest *);

/* vfio_log.c */
enum vfio_log_what {
	VFIO_LOG_READ,
	VFIO_LOG_WRITE,
	VFIO_LOG_IRQ,
	VFIO_LOG_MAP,
	VFIO_LOG_UNMAP,
	VFIO_LOG_RESET,
	NR_VFIO_LOGS,
};
int vfio_log_new(const char *path, struct vfio_log **out);
/* Accepts NULL.  Where `what` is no access, *a says nothing. */
void vfio_log_add(struct vfio_log *, enum vfio_log_what, const struct hv_access *a);
/* Writes the file.  Accepts NULL. */
void vfio_log_free(struct vfio_log *);
static inline void vfio_log_event(struct vfio_log *l, enum vfio_log_what what)
{
	vfio_log_add(l, what, &(struct hv_access){ .size = 0 });
}

/* vfio_guest.c */
void vfio_guest_kill(struct hv_guest *, const char *why);
void vfio_guest_reap(struct vfio_guest *);
/* Takes a client that waits at the socket. */
void vfio_guest_accept(struct vfio_guest *);

#endif
