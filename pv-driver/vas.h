/* SPDX-License-Identifier: MIT */
/*
 * Inside the driver core: ranges of address spaces, instance memory, page
 * tables and address spaces.  drv.lock guards all of it (private.h).
 */
#ifndef PV_DRIVER_VAS_H
#define PV_DRIVER_VAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvm/base/list.h"
#include "gpuvm/fermi/pte.h"
#include "pv-driver/drv.h"

/* ---- heap.c: ranges of an address space (VRAM, GPU virtual, BARs) -------------- */

/* A stretch of a heap, free or used; whoever allocated it holds the node. */
struct heap_node {
	struct list node;
	uint64_t at, len;
	bool used;
};
struct heap {
	struct list nodes; /* by address, no overlap; neighbours that touch are not both free */
};
void heap_init(struct heap *);
void heap_fini(struct heap *);
/* Gives [at, at+len) to the heap; it must not overlap what the heap has. */
int heap_add(struct heap *, uint64_t at, uint64_t len);
/* align is a power of two.  -ENOSPC, -ENOMEM. */
int heap_alloc(struct heap *, uint64_t len, uint64_t align, bool from_top, struct heap_node **out);
/* Never fails; accepts NULL. */
void heap_free(struct heap *, struct heap_node *);
uint64_t heap_avail(const struct heap *);

/* ---- instmem.c: memory the GPU reads by itself (tables, instance blocks) --------- */

struct imem {
	struct drv *drv;
	struct list node;	/* drv.imems */
	struct heap_node *vram; /* owned */
	uint64_t addr, len;	/* VRAM */
	struct heap_node *bar3; /* owned; where BAR3 shows it, or NULL: reached through PRAMIN */
	uint8_t *early;		/* owned; not NULL: imem_settle() has still to write all of it */
};
/* len is rounded up to pages.  zero, before BAR3 is on: zeroes are there only from imem_settle() on. */
int imem_new(struct drv *, uint64_t len, bool zero, struct imem **out);
void imem_free(struct imem *);
void imem_rd(struct imem *, uint64_t off, void *buf, size_t len);
void imem_wr(struct imem *, uint64_t off, const void *buf, size_t len);
void imem_zero(struct imem *, uint64_t off, size_t len);
void imem_wr32(struct imem *, uint64_t off, uint32_t v);
void imem_wr64(struct imem *, uint64_t off, uint64_t v);
uint64_t imem_rd64(struct imem *, uint64_t off);
/* Shows it in BAR3 from now on.  0 also if BAR3 is full: PRAMIN keeps working. */
int imem_map_bar3(struct imem *);
/* BAR3 is on: what was left for it is written. */
void imem_settle(struct drv *);

/* ---- vas_native.c, vas_pv.c: how page tables are kept ------------------------------ */

enum pt_kind { PT_DIR, PT_SMALL, PT_LARGE };
struct ptab {
	struct imem *mem; /* native: owned */
	uint32_t id;	  /* PV: the mediator's name of it */
	uint64_t *copy;	  /* PV: owned: entries as they were asked for */
};
/*
 * Changes count after flush(), which answers for all of them: a backend may
 * keep them until then.
 */
struct vas_backend {
	const char *name;
	/* Of nr entries, the full number >> shift, all 0. */
	int (*tab_new)(struct drv *, enum pt_kind, uint32_t shift, uint32_t nr, struct ptab *);
	void (*tab_free)(struct drv *, struct ptab *); /* accepts half-built */
	/* Directory entry `slot` as v->pde says. */
	int (*pde)(struct drv_vas *, uint32_t slot);
	/* Entries [index, index+n) become e, e+step, ...  e and step 0 clear them. */
	int (*set)(struct drv *, struct ptab *, uint32_t index, uint32_t n, uint64_t e,
		   uint64_t step);
	uint64_t (*get)(struct ptab *, uint32_t index);
	int (*flush)(struct drv_vas *);
	/* The directory into an instance block. */
	int (*bind)(struct drv_vas *, struct imem *inst);
	/* Channel chid works in the space, or not any more. */
	int (*chan)(struct drv_vas *, uint32_t chid, bool on);
	void (*gone)(struct drv_vas *); /* optional: about to be freed */
};
extern const struct vas_backend vas_native, vas_pv;
/* What one page further is in an entry. */
#define PTE_STEP(page_shift) (1ull << ((page_shift) - 8))

/* ---- vas.c: address spaces -------------------------------------------------------- */

struct vas_pde {
	struct ptab *small, *large; /* owned; made when first needed */
	uint8_t shift;		    /* PDE size field: tables cover 128 MiB >> shift */
	bool open;		    /* its range belongs to vas.va */
};
struct vas_map {
	struct list node;    /* vas.maps */
	struct list bo_node; /* drv_bo.maps, or on its own */
	struct drv_vas *vas;
	struct drv_bo *bo;    /* NULL: a context buffer or another driver-internal range */
	struct heap_node *va; /* owned */
	uint32_t page_shift;
	uint32_t flags; /* of a mapping with a bo, as it was asked for */
	bool idle;	/* hp_keep.c: nobody's at the moment */
};
struct drv_vas {
	struct drv *drv;
	struct list node; /* drv.vases */
	uint32_t bar;	  /* serves BAR 1 or 3: its flushes stay in the hub; else 0 */
	struct ptab *pd;  /* owned */
	uint32_t nr_pde;
	uint64_t limit;
	struct vas_pde *pde;
	struct heap va;
	struct list maps;
	uint32_t nr_chans;
	uint64_t fence_va; /* the fence page; 0 in BAR and bring-up spaces */
	uint32_t hp_id;	   /* hp_drv.c: the mediator's name of it */
};
struct vas_range { /* what to map */
	enum pte_target target;
	uint64_t addr, len;
	uint32_t page_shift;
	uint64_t pte_flags; /* PTE_RO, PTE_PRIV */
};
int vas_new(struct drv *, struct drv_vas **out);
/* The space behind a BAR of bar_len bytes, its small table already there. */
int vas_new_bar(struct drv *, uint32_t bar, uint64_t bar_len, struct drv_vas **out);
void vas_free(struct drv_vas *);
int vas_map_range(struct drv_vas *, const struct vas_range *, struct vas_map **out);
/* Accepts NULL. */
void vas_unmap(struct vas_map *);
/* Rewrites an existing mapping's pages to show [addr, addr+len of the mapping). */
int vas_remap(struct vas_map *, const struct vas_range *);
/*
 * Makes page table changes count: host writes out, then the TLB entries of this directory dropped.
 */
int vas_flush(struct drv_vas *);
/* Directory and limit into an instance block. */
int vas_bind(struct drv_vas *, struct imem *inst);
/* Before a channel is bound to the space, and after it left. */
int vas_chan(struct drv_vas *, uint32_t chid, bool on);
static inline uint64_t map_va(const struct vas_map *m)
{
	return m->va->at;
}

#endif
