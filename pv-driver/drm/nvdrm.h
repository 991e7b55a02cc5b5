/* SPDX-License-Identifier: MIT */
/*
 * The nouveau DRM interface on the driver core: what the kernel answers a
 * program that opened a render node, answered in the program's own process.
 *
 * struct nvdrm is one GPU, struct nvdrm_client one open() of its node: an address
 * space, buffer handles, channels.  nvdrm_ioctl() is the whole interface; who
 * finds out that a descriptor is a client's is preload/.
 *
 * Always true:
 *  1. drm.lock guards clients, handles, buffers and their uses; chan.submit
 *     keeps one submission's pieces together and may be held while waiting for
 *     room in the ring.  Nobody takes one inside the other, and nobody waits
 *     for the GPU with drm.lock held.
 *  2. A buffer lives while a handle, a CPU mapping, a submission or an export
 *     names it, and its pages are not unmapped while a use of it has not passed.
 *  3. What the program hands over is copied once, with the fault of a bad
 *     pointer answered (-EFAULT), before it is looked at.
 *  4. Facts about answers and errors: drm/nouveau/nouveau_gem.c, nouveau_abi16.c,
 *     nouveau_usif.c, drm_ioctl.c of Linux 6.1; version 1.3.1 of the interface.
 */
#ifndef PV_DRIVER_DRM_NVDRM_H
#define PV_DRIVER_DRM_NVDRM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gpuvm/base/list.h"

struct drv;
struct drv_bo;
struct drv_chan;
struct drv_fence;
struct drv_vas;
struct log;
struct nvdrm_export;
struct stat;

/* The first buffer's mmap offset; 0 is no buffer's. */
#define DRM_MAP_FIRST (1ull << 32)
#define DRM_PAGE 4096ull

struct nvdrm {
	struct drv *drv; /* borrowed */
	pthread_mutex_t lock;
	struct list clients; /* struct nvdrm_client */
	struct list bos;     /* struct nvdrm_bo */
	/*
	 * Guards maps and exports, which are looked at under any other lock: the
	 * driver's own mmap and munmap come by here.  Innermost.
	 */
	pthread_mutex_t leaf_lock;
	struct list maps;    /* struct nvdrm_cpu_map */
	struct list exports; /* struct nvdrm_export */
	uint64_t next_map;   /* next buffer's mmap offset */
	uint64_t vram_len;   /* what programs are told; constant */
	uint64_t idle_ns;    /* how long a dying channel may finish its work */
	/*
	 * May be NULL.  The descriptor of a new export and its identity; else it is a memory file.
	 * drm.lock is held.
	 */
	int (*export_file)(void *arg, const struct nvdrm_export *, uint32_t flags, struct stat *);
	void *export_arg;
	bool ending;	     /* the process exits; atomic */
};

/* ---- chan.c ---------------------------------------------------------------------- */

struct nvdrm_chan {
	struct list node; /* nvdrm_client.chans */
	struct nvdrm_client *client;
	struct drv_chan *chan; /* owned */
	uint32_t id;
	uint32_t refs;	       /* drm.lock */
	bool closing;	       /* no longer to be found; its uses are over */
	bool reports;	       /* its work reports to memory (report.c); submit */
	pthread_mutex_t submit;
	/* limit.c: what had passed at that time, if work was under way; drm.lock */
	bool watched;
	uint32_t passed;
	uint64_t since;
};
struct nvdrm_chan *nvdrm_chan_find(struct nvdrm_client *, uint32_t id);
/* drm.lock held. */
void nvdrm_chan_put(struct nvdrm_chan *);
/* Waits until fence seq has passed; 0, also if the channel died or closes; -EBUSY after ns. */
int nvdrm_chan_wait(struct nvdrm_chan *, uint32_t seq, uint64_t ns);
/* Without drm.lock: lets it finish for drm.idle_ns, then it goes. */
void nvdrm_chan_close(struct nvdrm_chan *);
/* A class a channel can have on Fermi. */
bool nvdrm_class_known(int32_t oclass);
int nvdrm_chan_alloc(struct nvdrm_client *, void *arg);
int nvdrm_chan_free(struct nvdrm_client *, void *arg);
int nvdrm_grobj_alloc(struct nvdrm_client *, void *arg);
int nvdrm_notifierobj_alloc(struct nvdrm_client *, void *arg);
int nvdrm_gpuobj_free(struct nvdrm_client *, void *arg);

/* ---- limit.c --------------------------------------------------------------------- */
/* Stops a channel whose work has not moved on for limit ns.  To be called now and then. */
void nvdrm_limit(struct nvdrm *, uint64_t now, uint64_t limit);

/* ---- bo.c -------------------------------------------------------------------------- */

struct nvdrm_use { /* the last work of one channel on a buffer */
	struct list node; /* nvdrm_bo.uses */
	struct nvdrm_chan *chan; /* counted */
	bool any, wrote;
	uint32_t last, written; /* fences */
};
struct nvdrm_bo {
	struct list node; /* drm.bos */
	struct nvdrm *drm;
	struct drv_bo *bo; /* owned */
	uint32_t refs;
	uint64_t len;	   /* as the program asked, in pages */
	uint32_t domain;   /* NOUVEAU_GEM_DOMAIN_* it may live in */
	bool vram;	   /* where it does */
	uint32_t tile_mode;
	uint8_t kind;
	uint64_t map_at; /* mmap offset */
	struct list uses;
};
struct nvdrm_vma { /* a buffer in a client's address space: what a handle names */
	struct list node; /* nvdrm_client.dying, after its handle went */
	struct nvdrm_bo *bo; /* counted */
	uint64_t va;
};
void nvdrm_bo_put(struct nvdrm_bo *); /* drm.lock held */
struct nvdrm_vma *nvdrm_vma_find(struct nvdrm_client *, uint32_t handle);
/* A handle for bo, the existing one if there is one.  drm.lock held. */
int nvdrm_handle_get(struct nvdrm_client *, struct nvdrm_bo *bo, uint32_t *handle);
/* Unmaps what the GPU no longer uses.  drm.lock held. */
void nvdrm_client_reap(struct nvdrm_client *);
/* Makes room to note a use, so that nvdrm_use_note() cannot fail.  drm.lock held. */
int nvdrm_use_prepare(struct nvdrm_bo *, struct nvdrm_chan *);
void nvdrm_use_note(struct nvdrm_bo *, struct nvdrm_chan *, uint32_t seq, bool write);
/* Drops every use by chan. drm.lock held. */
void nvdrm_use_forget(struct nvdrm *, struct nvdrm_chan *);
int nvdrm_gem_new(struct nvdrm_client *, void *arg);
int nvdrm_gem_info(struct nvdrm_client *, void *arg);
int nvdrm_gem_close(struct nvdrm_client *, void *arg);
int nvdrm_gem_cpu_prep(struct nvdrm_client *, void *arg);
int nvdrm_gem_cpu_fini(struct nvdrm_client *, void *arg);

/* ---- pushbuf.c ------------------------------------------------------------------------ */
int nvdrm_gem_pushbuf(struct nvdrm_client *, void *arg);

/* ---- report.c ------------------------------------------------------------------------ */
/* Whether one of n words of methods has the GPU write into memory that work is done. */
bool nvdrm_reports(const uint32_t *words, uint32_t n);

/* ---- map.c: CPU mappings ----------------------------------------------------------------- */

struct nvdrm_cpu_map {
	struct list node; /* drm.maps */
	struct nvdrm_bo *bo; /* counted */
	uint8_t *at;
	uint64_t len, left; /* left: bytes not unmapped yet */
	bool traps;	    /* lies in an aperture that must stay */
};
struct nvdrm_mmap_args {
	void *addr;
	uint64_t len, off; /* off: map_handle plus what is skipped */
	int prot, flags;
};
/* As mmap(2) on the node's descriptor.  0 or -errno. */
int nvdrm_mmap(struct nvdrm_client *, const struct nvdrm_mmap_args *, void **out);
/* As mmap(2) on an exported buffer; off counts from its start. */
int nvdrm_mmap_bo(struct nvdrm_bo *, const struct nvdrm_mmap_args *, void **out);
/* Whether mmap(2) of the buffer would do: 0 or -errno. */
int nvdrm_map_check(const struct nvdrm_bo *, const struct nvdrm_mmap_args *);
/* The buffer that lies at off, counted, and where in it; NULL.  drm.lock held. */
struct nvdrm_bo *nvdrm_map_find(struct nvdrm_client *, uint64_t off, uint64_t *skip);
/*
 * Before munmap(2) of a range: true if the pages are an aperture's and must
 * not be unmapped.  Drops the mappings that lie in it.
 */
bool nvdrm_munmap(struct nvdrm *, void *addr, uint64_t len);

/* ---- nvif.c ------------------------------------------------------------------------------- */

struct nvdrm_object { /* an NVIF object of a client */
	struct list node; /* nvdrm_client.objects */
	uint64_t key;
	int32_t oclass;
	uint32_t chan; /* channel id it belongs to, NVDRM_NO_CHAN */
	uint32_t handle;
};
#define NVDRM_NO_CHAN 0xffffffffu
/* size bytes at arg, in and out. */
int nvdrm_nvif(struct nvdrm_client *, void *arg, size_t size);
int nvdrm_object_new(struct nvdrm_client *, const struct nvdrm_object *);
/* Drops the objects of a channel; NVDRM_NO_CHAN: all. */
void nvdrm_objects_drop(struct nvdrm_client *, uint32_t chan);

/* ---- client.c ------------------------------------------------------------------------------ */

struct nvdrm_client {
	struct list node; /* drm.clients */
	struct nvdrm *drm;
	struct drv_vas *vas; /* owned */
	struct nvdrm_vma **vma; /* owned; handle h is vma[h - 1] */
	uint32_t nr_vma;
	const bool *hurry; /* borrowed, atomic; nobody is left who could want its work.  May be NULL */
	struct list chans, objects, dying;
};
/* vram_len: what drv has for programs. */
int nvdrm_new(struct drv *, struct nvdrm **out);
/* Clients go with it.  Accepts NULL. */
void nvdrm_free(struct nvdrm *);
/*
 * At the end of the process: every channel off the GPU, nobody waited for.  Does nothing if
 * somebody holds the lock for long.
 */
void nvdrm_quiet(struct nvdrm *);
int nvdrm_client_new(struct nvdrm *, struct nvdrm_client **out);
/* Accepts NULL. */
void nvdrm_client_free(struct nvdrm_client *);
/* Its channels stop; whoever waits for them is told so. */
void nvdrm_client_stop(struct nvdrm_client *);
/* The client that has the channel, or NULL.  drm.lock held. */
struct nvdrm_client *nvdrm_client_of(struct nvdrm *, const struct drv_chan *);

/* ---- ioctl.c, prime.c ------------------------------------------------------------------------ */

/* As ioctl(2) on the node: 0 or -errno. */
int nvdrm_ioctl(struct nvdrm_client *, unsigned long request, void *arg);
#define NVDRM_NR_NVIF 0x47u /* DRM_COMMAND_BASE + DRM_NOUVEAU_NVIF */
#define NVDRM_ARG_MAX 4096u /* no argument is longer */
#define NVDRM_ARG_MIN 512u  /* what a shorter one is filled up to with zeroes */
struct nvdrm_shape {
	uint32_t size;	/* of the argument that counts */
	bool in, out;	/* copied from the program; to it */
	bool constant;	/* answered without a client */
};
/* What ioctl(2) makes of the request's argument; or the errno it is refused with. */
int nvdrm_shape(unsigned long request, struct nvdrm_shape *);
/* As nvdrm_ioctl(), on an argument of nvdrm_shape()'s size copied to arg already, zeroes behind it. */
int nvdrm_answer(struct nvdrm_client *, unsigned long request, void *arg);

/*
 * A buffer's descriptor, as PRIME_HANDLE_TO_FD gives: a memory file whose
 * inode names the buffer (as a dma-buf's does), of the buffer's length.
 */
struct nvdrm_export {
	struct list node; /* drm.exports */
	struct nvdrm_bo *bo; /* counted */
	uint64_t dev, ino;
};
int nvdrm_prime_export(struct nvdrm_client *, void *arg);
int nvdrm_prime_import(struct nvdrm_client *, void *arg);
/* Whether a descriptor with that identity is an export.  Any lock may be held. */
bool nvdrm_export_is(struct nvdrm *, uint64_t dev, uint64_t ino);
/* The buffer such a descriptor exports, counted, or NULL.  Takes drm.lock. */
struct nvdrm_bo *nvdrm_export_find(struct nvdrm *, uint64_t dev, uint64_t ino);
/* Its last descriptor is closed. */
void nvdrm_export_drop(struct nvdrm *, uint64_t dev, uint64_t ino);

/* ---- user.c: the program's memory ---------------------------------------------------------------- */
int nvdrm_copy_in(void *to, uint64_t from, size_t len);
int nvdrm_copy_out(uint64_t to, const void *from, size_t len);

#endif
