/* SPDX-License-Identifier: MIT */
/*
 * The GPU as the programs of the virtual machine tests use it: libdrm's nouveau
 * interface with the words for channels, buffers and copies that they share.
 *
 * Always true: a function that fails has printed why, with the program's name;
 * an nv_* object that failed to open can be closed.
 */
#ifndef TESTS_VM_GUEST_KIT_NV_H
#define TESTS_VM_GUEST_KIT_NV_H

#include <stdbool.h>
#include <stdint.h>

#include <libdrm/nouveau/nouveau.h>

#define NV_SYS (NOUVEAU_BO_GART | NOUVEAU_BO_MAP)
#define NV_VRAM NOUVEAU_BO_VRAM
#define NV_VRAM_MAP (NOUVEAU_BO_VRAM | NOUVEAU_BO_MAP)

struct nv {
	int fd;
	struct nouveau_drm *drm;
	struct nouveau_device *dev;
	struct nouveau_client *client;
};
struct nv_chan {
	struct nv *nv; /* borrowed */
	struct nouveau_object *chan, *object;
	struct nouveau_pushbuf *push;
};

/* What copies, and how a method reaches it. */
struct nv_engine {
	const char *name;
	uint32_t class, subchan, id; /* id: PFIFO's, as SET_OBJECT names it above the class */
};
enum { NV_M2MF, NV_CE0, NV_CE1, NV_NR_COPIERS };
extern const struct nv_engine nv_copier[NV_NR_COPIERS];
extern const struct nv_engine nv_compute;

/* "PROGRAM: what: errno's text" on standard output; answers -1. */
int nv_failed(const char *what);
extern const char *nv_program; /* set by main() */

int nv_open(struct nv *);
void nv_close(struct nv *);
/* A channel with one engine's object bound. */
int nv_chan_open(struct nv *, const struct nv_engine *, struct nv_chan *);
void nv_chan_close(struct nv_chan *);
int nv_bo(struct nv *, uint32_t flags, uint64_t len, struct nouveau_bo **out);
/* Maps if it can be mapped, and waits until the GPU is done with it. */
int nv_wait(struct nv *, struct nouveau_bo *);

/* Room for n words, and the buffers they name; access: NOUVEAU_BO_RD and WR. */
struct nv_ref {
	struct nouveau_bo *bo;
	uint32_t access;
};
int nv_begin(struct nv_chan *, uint32_t n, const struct nv_ref *, int nr);
void nv_put(struct nv_chan *, uint32_t word);
void nv_method(struct nv_chan *, const struct nv_engine *, uint32_t mthd, uint32_t count);
void nv_address(struct nv_chan *, uint64_t va);
int nv_kick(struct nv_chan *);

#define NV_COPY_WORDS 24u
/* len bytes, a multiple of 4096, from va to va: words only, inside nv_begin(). */
void nv_copy_va(struct nv_chan *, const struct nv_engine *, uint64_t from, uint64_t to, uint32_t len);
/* Submits a copy of the whole of the smaller buffer. */
int nv_copy(struct nv_chan *, const struct nv_engine *, struct nouveau_bo *from, struct nouveau_bo *to);

#endif
