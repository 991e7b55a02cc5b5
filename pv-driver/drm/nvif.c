// SPDX-License-Identifier: MIT
/*
 * The NVIF ioctl: objects by key.  libdrm makes a device (0x80) and asks it who
 * it is, then makes one object of each class it wants in a channel; nothing
 * else of NVIF is needed by OpenCL or GL.  Layouts: nvif/ioctl.h, nvif/cl0080.h
 * of libdrm 2.4.114.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <libdrm/nouveau_drm.h>

#include "gpuvm/base/mem.h"
#include "gpuvm/fermi/methods.h"
#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"

#define NVIF_MAX 4096u
#define CLASS_DEVICE 0x80
#define ROUTE_CHANNEL 0xff /* the object is a channel's, token its number */

enum nvif_type { NVIF_NOP, NVIF_SCLASS, NVIF_NEW, NVIF_DEL, NVIF_MTHD };
enum device_mthd { DEVICE_INFO, DEVICE_TIME };

struct nvif_head {
	uint8_t version, type, pad[4], owner, route;
	uint64_t token, object;
};
struct nvif_nop {
	uint64_t version;
};
struct nvif_sclass {
	uint8_t version, count, pad[6];
	struct {
		int32_t oclass;
		int16_t minver, maxver;
	} oclass[];
};
struct nvif_new {
	uint8_t version, pad[6], route;
	uint64_t token, object;
	uint32_t handle;
	int32_t oclass;
};
struct nvif_mthd {
	uint8_t version, method, pad[6];
};
struct nvif_device_info {
	uint8_t version, platform;
	uint16_t chipset;
	uint8_t revision, family, pad[2];
	uint64_t ram_size, ram_user;
	char chip[16], name[64];
};
struct nvif_device_time {
	uint8_t version, pad[7];
	uint64_t time;
};
_Static_assert(sizeof(struct nvif_head) == 24, "nvif_ioctl_v0");
_Static_assert(sizeof(struct nvif_new) == 32, "nvif_ioctl_new_v0");
_Static_assert(sizeof(struct nvif_device_info) == 104, "nv_device_info_v0");

#define PLATFORM_PCIE 3
#define FAMILY_FERMI 7

int nvdrm_object_new(struct nvdrm_client *c, const struct nvdrm_object *in)
{
	struct nvdrm_object *o = mem_new(struct nvdrm_object);

	if (!o)
		return -ENOMEM;
	*o = *in;
	list_add_tail(&c->objects, &o->node);
	return 0;
}

void nvdrm_objects_drop(struct nvdrm_client *c, uint32_t chan)
{
	struct nvdrm_object *o, *tmp;

	list_for_each_safe(o, tmp, &c->objects, node) {
		if (chan != NVDRM_NO_CHAN && o->chan != chan)
			continue;
		list_del(&o->node);
		mem_free(o);
	}
}

static struct nvdrm_object *find(struct nvdrm_client *c, uint64_t key)
{
	struct nvdrm_object *o;

	list_for_each(o, &c->objects, node) {
		if (o->key == key && key)
			return o;
	}
	return NULL;
}

static int nvif_nop(struct nvif_nop *n, size_t size)
{
	if (size < sizeof(*n))
		return -ENOSYS;
	n->version = 0;
	return 0;
}

/* What can be made: devices at the top, engines' classes in a channel. */
static int nvif_sclass(struct nvdrm_client *c, const struct nvif_head *h, struct nvif_sclass *s,
		       size_t size)
{
	static const int32_t top[] = { CLASS_DEVICE };
	static const int32_t chan[] = { CLASS_M2MF_GF100, CLASS_2D_GF100, CLASS_3D_GF100,
					CLASS_COMPUTE_GF100 };
	bool in_chan = h->route == ROUTE_CHANNEL;
	const int32_t *list = in_chan ? chan : top;
	size_t n = in_chan ? ARRAY_SIZE(chan) : ARRAY_SIZE(top), room;

	if (size < sizeof(*s) || s->version)
		return -ENOSYS;
	if (in_chan && !nvdrm_chan_find(c, (uint32_t)h->token))
		return -ENOENT;
	if (!in_chan && h->object)
		n = 0;
	room = (size - sizeof(*s)) / sizeof(s->oclass[0]);
	if (s->count < room)
		room = s->count;
	for (size_t i = 0; i < n && i < room; i++) {
		s->oclass[i].oclass = list[i];
		s->oclass[i].minver = s->oclass[i].maxver = -1;
	}
	s->count = (uint8_t)n;
	return 0;
}

static int nvif_new(struct nvdrm_client *c, const struct nvif_head *h, const struct nvif_new *n,
		    size_t size)
{
	struct nvdrm_object o = { .chan = NVDRM_NO_CHAN };

	if (size < sizeof(*n) || n->version)
		return -ENOSYS;
	o.key = n->object;
	o.oclass = n->oclass;
	o.handle = n->handle;
	if (find(c, o.key))
		return -EEXIST;
	if (h->route != ROUTE_CHANNEL) {
		if (h->object && !find(c, h->object))
			return -ENOENT;
		return n->oclass == CLASS_DEVICE ? nvdrm_object_new(c, &o) : -EINVAL;
	}
	if (!nvdrm_chan_find(c, (uint32_t)h->token))
		return -EINVAL;
	o.chan = (uint32_t)h->token;
	return nvdrm_class_known(n->oclass) ? nvdrm_object_new(c, &o) : -EINVAL;
}

static int nvif_del(struct nvdrm_client *c, const struct nvif_head *h)
{
	struct nvdrm_object *o = find(c, h->object);

	if (!o)
		return -ENOENT;
	list_del(&o->node);
	mem_free(o);
	return 0;
}

static int device_info(const struct nvdrm *d, struct nvif_device_info *i, size_t size)
{
	const struct drv_info *info = drv_info(d->drv);

	if (size < sizeof(*i) || i->version)
		return -ENOSYS;
	*i = (struct nvif_device_info){
		.platform = PLATFORM_PCIE,
		.chipset = (uint16_t)(info->boot0 >> 20 & 0x1ff),
		.revision = (uint8_t)info->boot0,
		.family = FAMILY_FERMI,
		.ram_size = info->vram_len,
		.ram_user = d->vram_len,
		.chip = "GF100",
		.name = "GF100 (GPUvm)",
	};
	return 0;
}

static int device_time(const struct nvdrm *d, struct nvif_device_time *t, size_t size)
{
	if (size < sizeof(*t) || t->version)
		return -ENOSYS;
	t->time = drv_time(d->drv);
	return 0;
}

static int nvif_mthd(struct nvdrm_client *c, const struct nvif_head *h, struct nvif_mthd *m,
		     size_t size)
{
	const struct nvdrm_object *o = find(c, h->object);

	if (size < sizeof(*m) || m->version)
		return -ENOSYS;
	if (!o)
		return -ENOENT;
	if (o->oclass != CLASS_DEVICE)
		return -EINVAL;
	if (m->method == DEVICE_INFO)
		return device_info(c->drm, (struct nvif_device_info *)(m + 1), size - sizeof(*m));
	if (m->method == DEVICE_TIME)
		return device_time(c->drm, (struct nvif_device_time *)(m + 1), size - sizeof(*m));
	return -EINVAL;
}

static int run(struct nvdrm_client *c, void *arg, size_t size)
{
	struct nvif_head *h = arg;
	void *body = h + 1;

	size -= sizeof(*h);
	switch (h->type) {
	case NVIF_NOP:
		return nvif_nop(body, size);
	case NVIF_SCLASS:
		return nvif_sclass(c, h, body, size);
	case NVIF_NEW:
		return nvif_new(c, h, body, size);
	case NVIF_DEL:
		return nvif_del(c, h);
	case NVIF_MTHD:
		return nvif_mthd(c, h, body, size);
	default:
		return -EINVAL;
	}
}

int nvdrm_nvif(struct nvdrm_client *c, void *arg, size_t size)
{
	int err;

	if (size < sizeof(struct nvif_head) || size > NVIF_MAX)
		return -EINVAL;
	if (((struct nvif_head *)arg)->version)
		return -ENOSYS;
	pthread_mutex_lock(&c->drm->lock);
	err = run(c, arg, size);
	pthread_mutex_unlock(&c->drm->lock);
	return err;
}
