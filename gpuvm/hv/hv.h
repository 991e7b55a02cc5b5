/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor port: two tables that face each other.
 *
 * struct hv_ops is what the core asks of a hypervisor; struct hv_up is what
 * the hypervisor tells the core.  Upcalls happen only from inside
 * hv_dispatch() or a call the core itself made into the port (attach during
 * hv_process_guest_new(), say), on the core's one thread; a port may have
 * threads, but they never call up.
 *
 * A call whose capability is missing answers -EOPNOTSUPP and the core takes
 * another way; there is no silent success.
 *
 * Implementations: hv/null.c (a guest in the same thread: worked example and
 * unit-test port), hv/process.c (guests are processes whose BAR accesses trap),
 * hv/vfio_user.c (guests are virtual machines behind a vfio-user socket),
 * hv/xen.c (guests are domains of Xen).
 */
#ifndef GPUVM_HV_HV_H
#define GPUVM_HV_HV_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvm/base/addr.h"
#include "gpuvm/base/list.h"

struct hv;
struct hv_guest;
struct log;

enum hv_cap {
	HV_CAP_MAP = 1 << 0,   /* map/unmap: BAR pages can reach memory without a trap */
	HV_CAP_WATCH = 1 << 1, /* watch/unwatch: stores to a RAM page are reported by up->written */
	HV_CAP_PIN = 1 << 2,   /* pin/unpin: RAM pages can be held for DMA */
	HV_CAP_RAM = 1 << 3,   /* ram: guest RAM is mapped here and can be given to dev_dma_map */
};

/* Where a trapped access landed. */
enum hv_space { HV_CFG, HV_BAR0, HV_BAR1, HV_BAR3, HV_BAR_PV, NR_HV_SPACES };

/* One trapped access.  size is 1, 2, 4 or 8; off is naturally aligned only if the guest's access was. */
struct hv_access {
	enum hv_space space;
	uint32_t off;
	uint8_t size;
	bool write;
	uint64_t val; /* write: the value, upper bytes 0.  read: set by the core, always, even on error */
};

/* A contiguous range of guest RAM as the mediator and the device see it. */
struct hv_ram {
	gpa_t gpa;
	dma_t dma; /* bus address of gpa: what pin() answers for pages of this range */
	void *mem; /* where the mediator has it mapped */
	uint64_t len;
	int fd;	     /* HV_CAP_MAP: a file whose bytes from fd_at on it is, for map; borrowed.  -1: none */
	uint64_t fd_at;
};

struct hv_ops {
	const char *name;
	uint32_t caps; /* enum hv_cap */
	void (*close)(struct hv *);
	/*
	 * Readable when dispatch() has something to do and arm() was called before.
	 * -EOPNOTSUPP: poll by calling dispatch.
	 */
	int (*poll_fd)(struct hv *);
	/*
	 * Serves at most budget accesses over all guests, fairly, and detects
	 * guests that died; never blocks.  Answers how many it served, or a
	 * negative errno if the port itself is broken.
	 */
	int (*dispatch)(struct hv *, unsigned int budget);
	/*
	 * The loop is about to block on poll_fd: from now on new work makes it
	 * readable.  Answers true if work is already waiting (do not block).
	 */
	bool (*arm)(struct hv *);
	/*
	 * Guest RAM by value; len may cross ranges.  -EFAULT, and an undefined
	 * buffer, if any byte is not that guest's RAM.  Reads are one pass: each
	 * byte is fetched once.
	 */
	int (*read)(struct hv_guest *, gpa_t src, void *buf, size_t len);
	int (*write)(struct hv_guest *, gpa_t dst, const void *buf, size_t len);
	/* Raises the guest's interrupt (MSI: one message).  Never blocks. */
	int (*irq)(struct hv_guest *, unsigned int vector);
	/*
	 * For a guest the core cannot keep safe; why goes to the guest's user.
	 * up->detach follows from a later dispatch().
	 */
	void (*kill)(struct hv_guest *, const char *why);

	/*
	 * HV_CAP_MAP: bytes [off, off+len) of BAR1, BAR3 or the call pages (4 KiB
	 * pages) are fd's bytes at `at` until unmap, or until they are mapped to
	 * something else.  fd stays the caller's.  The port may let accesses
	 * trap all the same.
	 *
	 * A guest may keep the memory for good, whatever unmap does: all of the file
	 * must be that guest's own, and must be taken off the device before
	 * anybody else gets what it stood for (gpuvm/lend.h).
	 *
	 * fd -1: the bytes trap, and the caller promises that stores to them end
	 * in nothing that is mapped anywhere (a doorbell).
	 */
	int (*map)(struct hv_guest *, enum hv_space, uint32_t off, uint32_t len, int fd, uint64_t at);
	/*
	 * The range traps again once unmapped() says so; a guest that keeps to
	 * the protocol has let go before its next trapped access ends.  Never waits
	 * for the guest.  Ranges that are not mapped are left alone.
	 */
	int (*unmap)(struct hv_guest *, enum hv_space, uint32_t off, uint32_t len);
	/* Whether the guest says that it has let go of everything unmapped so far. */
	bool (*unmapped)(struct hv_guest *);
	/* HV_CAP_WATCH */
	int (*watch)(struct hv_guest *, gpa_t page);
	void (*unwatch)(struct hv_guest *, gpa_t page);
	/*
	 * HV_CAP_PIN: holds one 4 KiB page for DMA; counted.  -EFAULT if the page
	 * is not that guest's RAM: the caller must then not let the GPU near it.
	 */
	int (*pin)(struct hv_guest *, gpa_t page, dma_t *out);
	void (*unpin)(struct hv_guest *, gpa_t page);
	/* HV_CAP_RAM: range i of the guest's RAM; -ENOENT past the last. */
	int (*ram)(struct hv_guest *, unsigned int i, struct hv_ram *out);
};

struct hv_up {
	/* A guest appeared.  The core sets guest->vgpu.  A negative answer refuses it. */
	int (*attach)(void *core, struct hv_guest *);
	/* May come at any moment; after it returns no call names that guest. */
	void (*detach)(void *core, struct hv_guest *);
	/*
	 * Leaves acc->val defined always.  0, or -EPERM/-EINVAL for an access
	 * that the core counted as the guest's fault (the port goes on).
	 */
	int (*access)(void *core, struct hv_guest *, struct hv_access *acc);
	void (*written)(void *core, struct hv_guest *, gpa_t page);
	/*
	 * RAM [start, start+len) goes away.  0 only when no reference is left;
	 * -EBUSY while the card still uses it: the port asks again.
	 */
	int (*revoke)(void *core, struct hv_guest *, gpa_t start, uint64_t len);
	/* The guest's PCI function was reset. */
	void (*reset)(void *core, struct hv_guest *);
	/*
	 * RAM appeared after attach; hv_ram() does not know it yet.  It stays until
	 * revoke answers 0 for it or the guest is detached.  A negative answer refuses it.
	 */
	int (*grant)(void *core, struct hv_guest *, const struct hv_ram *);
	/* Whether the guest's interrupt line is up: ports of level interrupts ask after an unmask. */
	bool (*line)(void *core, struct hv_guest *);
};

/* Embedded as first member by each port. */
struct hv {
	const struct hv_ops *ops;
	const struct hv_up *up; /* borrowed */
	void *core;		/* borrowed: first argument of each upcall */
	const struct log *log;	/* borrowed; may be NULL */
};

/* Embedded as first member by each port's guest. */
struct hv_guest {
	struct hv *hv;
	struct list node; /* on the port's list */
	char name[32];	  /* printable; for people */
	uint32_t id;	  /* of the port: slot, domid; unique while attached */
	uint64_t ram_len;
	void *vgpu;	  /* the core's; NULL outside attach..detach */
	const void *cfg;  /* what the creator of the guest passed for up->attach; borrowed during attach only */
};

static inline bool hv_has(const struct hv *h, enum hv_cap cap)
{
	return h->ops->caps & cap;
}
/* Accepts NULL.  Every guest is detached first. */
static inline void hv_close(struct hv *h)
{
	if (h)
		h->ops->close(h);
}
static inline int hv_poll_fd(struct hv *h)
{
	return h->ops->poll_fd(h);
}
static inline int hv_dispatch(struct hv *h, unsigned int budget)
{
	return h->ops->dispatch(h, budget);
}
static inline bool hv_arm(struct hv *h)
{
	return h->ops->arm(h);
}
static inline int hv_read(struct hv_guest *g, gpa_t src, void *buf, size_t len)
{
	return g->hv->ops->read(g, src, buf, len);
}
static inline int hv_write(struct hv_guest *g, gpa_t dst, const void *buf, size_t len)
{
	return g->hv->ops->write(g, dst, buf, len);
}
static inline int hv_irq(struct hv_guest *g, unsigned int vector)
{
	return g->hv->ops->irq(g, vector);
}
static inline void hv_kill(struct hv_guest *g, const char *why)
{
	g->hv->ops->kill(g, why);
}
static inline int hv_map(struct hv_guest *g, enum hv_space s, uint32_t off, uint32_t len, int fd,
			 uint64_t at)
{
	return hv_has(g->hv, HV_CAP_MAP) ? g->hv->ops->map(g, s, off, len, fd, at) : -EOPNOTSUPP;
}
static inline int hv_unmap(struct hv_guest *g, enum hv_space s, uint32_t off, uint32_t len)
{
	return hv_has(g->hv, HV_CAP_MAP) ? g->hv->ops->unmap(g, s, off, len) : -EOPNOTSUPP;
}
static inline bool hv_unmapped(struct hv_guest *g)
{
	return !hv_has(g->hv, HV_CAP_MAP) || g->hv->ops->unmapped(g);
}
static inline int hv_pin(struct hv_guest *g, gpa_t page, dma_t *out)
{
	return hv_has(g->hv, HV_CAP_PIN) ? g->hv->ops->pin(g, page, out) : -EOPNOTSUPP;
}
static inline void hv_unpin(struct hv_guest *g, gpa_t page)
{
	if (hv_has(g->hv, HV_CAP_PIN))
		g->hv->ops->unpin(g, page);
}
static inline int hv_watch(struct hv_guest *g, gpa_t page)
{
	return hv_has(g->hv, HV_CAP_WATCH) ? g->hv->ops->watch(g, page) : -EOPNOTSUPP;
}
static inline void hv_unwatch(struct hv_guest *g, gpa_t page)
{
	if (hv_has(g->hv, HV_CAP_WATCH))
		g->hv->ops->unwatch(g, page);
}
static inline int hv_ram(struct hv_guest *g, unsigned int i, struct hv_ram *out)
{
	return hv_has(g->hv, HV_CAP_RAM) ? g->hv->ops->ram(g, i, out) : -EOPNOTSUPP;
}

#endif
