// SPDX-License-Identifier: MIT
/*
 * libdrm's nouveau interface in the few words the guest programs need.
 * Methods: classes 9039, 90b5 and 90b8 take a copy as nouveau's own
 * nouveau_bo9039.c and nouveau_bo90b5.c give it; SET_OBJECT as Mesa does.
 */
#include "tests/vm/guest/kit/nv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libdrm/nouveau_drm.h>
#include <libdrm/nouveau/nvif/class.h>
#include <libdrm/nouveau/nvif/cl0080.h>

#define PITCH 4096u
#define PUSH_BUFFERS 4
#define PUSH_LEN (32u << 10)

const struct nv_engine nv_copier[NV_NR_COPIERS] = {
	{ "M2MF", 0x9039, 2, 0 }, { "CE0", 0x90b5, 4, 4 }, { "CE1", 0x90b8, 4, 5 },
};
const struct nv_engine nv_compute = { "compute", 0x90c0, 1, 0 };

const char *nv_program = "?";

int nv_failed(const char *what)
{
	printf("%s: %s: %s\n", nv_program, what, strerror(errno));
	return -1;
}

static int check(int err, const char *what)
{
	if (!err)
		return 0;
	errno = -err;
	return nv_failed(what);
}

int nv_open(struct nv *n)
{
	struct nv_device_v0 any = { .device = ~0ull };

	memset(n, 0, sizeof *n);
	n->fd = open("/dev/dri/renderD128", O_RDWR | O_CLOEXEC);
	if (n->fd < 0)
		return nv_failed("render node");
	if (check(nouveau_drm_new(n->fd, &n->drm), "drm") ||
	    check(nouveau_device_new(&n->drm->client, NV_DEVICE, &any, sizeof any, &n->dev), "device"))
		return -1;
	return check(nouveau_client_new(n->dev, &n->client), "client");
}

void nv_close(struct nv *n)
{
	nouveau_client_del(&n->client);
	nouveau_device_del(&n->dev);
	nouveau_drm_del(&n->drm);
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

int nv_chan_open(struct nv *n, const struct nv_engine *e, struct nv_chan *c)
{
	struct nvc0_fifo fifo = { 0 };

	memset(c, 0, sizeof *c);
	c->nv = n;
	if (check(nouveau_object_new(&n->dev->object, 0, NOUVEAU_FIFO_CHANNEL_CLASS, &fifo, sizeof fifo,
				     &c->chan), "channel") ||
	    check(nouveau_object_new(c->chan, 0xbeef0000 + e->class, e->class, NULL, 0, &c->object), e->name) ||
	    check(nouveau_pushbuf_new(n->client, c->chan, PUSH_BUFFERS, PUSH_LEN, true, &c->push), "push buffer"))
		return -1;
	if (nv_begin(c, 2, NULL, 0))
		return -1;
	nv_method(c, e, 0, 1);
	nv_put(c, e->id << 16 | e->class);
	return nv_kick(c);
}

void nv_chan_close(struct nv_chan *c)
{
	nouveau_pushbuf_del(&c->push);
	nouveau_object_del(&c->object);
	nouveau_object_del(&c->chan);
}

int nv_bo(struct nv *n, uint32_t flags, uint64_t len, struct nouveau_bo **out)
{
	return check(nouveau_bo_new(n->dev, flags, PITCH, len, NULL, out), "buffer");
}

int nv_wait(struct nv *n, struct nouveau_bo *bo)
{
	if (bo->flags & NOUVEAU_BO_MAP)
		return check(nouveau_bo_map(bo, NOUVEAU_BO_RDWR, n->client), "mapping");
	return check(nouveau_bo_wait(bo, NOUVEAU_BO_RDWR, n->client), "wait");
}

int nv_begin(struct nv_chan *c, uint32_t n, const struct nv_ref *ref, int nr)
{
	struct nouveau_pushbuf_refn r[8];

	if (check(nouveau_pushbuf_space(c->push, n, 0, 0), "room in the push buffer"))
		return -1;
	for (int i = 0; i < nr; i++)
		r[i] = (struct nouveau_pushbuf_refn){ ref[i].bo, (ref[i].bo->flags & NOUVEAU_BO_APER) | ref[i].access };
	return nr ? check(nouveau_pushbuf_refn(c->push, r, nr), "buffers of a submission") : 0;
}

void nv_put(struct nv_chan *c, uint32_t word)
{
	*c->push->cur++ = word;
}

void nv_method(struct nv_chan *c, const struct nv_engine *e, uint32_t mthd, uint32_t count)
{
	nv_put(c, 0x20000000 | count << 16 | e->subchan << 13 | mthd >> 2);
}

void nv_address(struct nv_chan *c, uint64_t va)
{
	nv_put(c, (uint32_t)(va >> 32));
	nv_put(c, (uint32_t)va);
}

int nv_kick(struct nv_chan *c)
{
	return check(nouveau_pushbuf_kick(c->push, c->chan), "submission");
}

static void layout(struct nv_chan *c, uint32_t len)
{
	nv_put(c, PITCH);
	nv_put(c, PITCH);
	nv_put(c, PITCH);
	nv_put(c, len / PITCH);
}

void nv_copy_va(struct nv_chan *c, const struct nv_engine *e, uint64_t from, uint64_t to, uint32_t len)
{
	if (e->class == 0x9039) {
		nv_method(c, e, 0x238, 2);
		nv_address(c, to);
		nv_method(c, e, 0x30c, 6);
		nv_address(c, from);
	} else {
		nv_method(c, e, 0x30c, 8);
		nv_address(c, from);
		nv_address(c, to);
	}
	layout(c, len);
	nv_method(c, e, 0x300, 1);
	nv_put(c, 0x110); /* pitch to pitch */
}

int nv_copy(struct nv_chan *c, const struct nv_engine *e, struct nouveau_bo *from, struct nouveau_bo *to)
{
	const struct nv_ref ref[] = { { from, NOUVEAU_BO_RD }, { to, NOUVEAU_BO_WR } };
	uint64_t len = from->size < to->size ? from->size : to->size;

	if (nv_begin(c, NV_COPY_WORDS, ref, 2))
		return -1;
	nv_copy_va(c, e, from->offset, to->offset, (uint32_t)len);
	return nv_kick(c);
}
