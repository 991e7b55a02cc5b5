/* SPDX-License-Identifier: MIT */
/*
 * What the port for domains without traps needs of Xen: xenstore, event
 * channels and grants.  hv/xen_lib.c stands on Xen's libraries; tests have a
 * Xen of their own.  Called from the core's thread only; nothing here waits
 * for a guest.
 */
#ifndef GPUVM_HV_PVBACK_LIB_H
#define GPUVM_HV_PVBACK_LIB_H

#include <stdbool.h>
#include <stdint.h>

struct log;
struct pvback_lib;

struct pvback_lib_ops {
	void (*close)(struct pvback_lib *);
	/* Readable while a watch or an event waits. */
	int (*poll_fd)(struct pvback_lib *);

	/* A node's text (free it), or NULL. */
	char *(*read)(struct pvback_lib *, const char *path);
	int (*write)(struct pvback_lib *, const char *path, const char *text);
	/* A folder of owner's, which also reader may read; its nodes inherit that. */
	int (*folder)(struct pvback_lib *, const char *path, uint16_t owner, uint16_t reader);
	void (*remove)(struct pvback_lib *, const char *path);
	/* Entry i of a folder (free it), NULL past the last. */
	char *(*entry)(struct pvback_lib *, const char *path, unsigned int i);
	int (*watch)(struct pvback_lib *, const char *path, bool on);
	/* Whether any watch fired since the last call, or a domain came or went. */
	bool (*changed)(struct pvback_lib *);
	bool (*lives)(struct pvback_lib *, uint16_t domid);

	/* Answers the port here, or a negative errno. */
	int (*bind)(struct pvback_lib *, uint16_t domid, uint32_t remote);
	void (*unbind)(struct pvback_lib *, uint32_t port);
	void (*notify)(struct pvback_lib *, uint32_t port);
	/* The next port with an event, which is ready for the next one then; -EAGAIN. */
	int (*pending)(struct pvback_lib *);

	/* n pages in a row, readable and writable; NULL unless all of them could be had. */
	void *(*map)(struct pvback_lib *, uint16_t domid, const uint32_t *refs, uint32_t n);
	/* One page whose byte at off is cleared, and an event sent to port, when it is unmapped. */
	void *(*map_notify)(struct pvback_lib *, uint16_t domid, uint32_t ref, uint32_t off,
			    uint32_t port);
	void (*unmap)(struct pvback_lib *, void *, uint32_t n);
};

/* Embedded as first member. */
struct pvback_lib {
	const struct pvback_lib_ops *ops;
};

/* -EOPNOTSUPP: no Xen here, or its kernel lacks a device; log says which. */
int pvback_lib_open(const struct log *, struct pvback_lib **out);

#endif
