// SPDX-License-Identifier: MIT
/*
 * One handler per vfio-user request.
 *
 * 1. A request is checked whole before anything of it is done; what is wrong
 *    gets an error reply and changes nothing.
 * 2. Each handler answers at once, except DMA_UNMAP, which may wait until the
 *    core lets go of the memory; the port serves nothing else of that client
 *    meanwhile, so replies keep the order of requests.
 * 3. Only what breaks the conversation itself (no VERSION first, a reply that
 *    nobody asked for) ends the connection.
 */
#include <stdio.h>
#include <string.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/hv/vfio_impl.h"

static const char capabilities[] = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":65536,"
				   "\"write_multiple\":true}}";

static int do_version(struct vfio_guest *g, struct vfio_msg *m)
{
	struct vfio_version v;
	uint8_t *body = vfio_stream_body(&g->s);

	/* The client's text is not needed: nothing is sent that it could forbid. */
	if (m->len < sizeof v || (m->len > sizeof v && m->data[m->len - 1]))
		return -EINVAL;
	memcpy(&v, m->data, sizeof v);
	if (v.major)
		return -EPROTONOSUPPORT;
	v = (struct vfio_version){ 0, 0 };
	memcpy(body, &v, sizeof v);
	memcpy(body + sizeof v, capabilities, sizeof capabilities);
	g->spoke = true;
	return (int)(sizeof v + sizeof capabilities);
}

static int do_device_info(struct vfio_guest *g, struct vfio_msg *m)
{
	struct vfio_device_info r = { .argsz = sizeof r,
				      .flags = VFIO_DEVICE_RESET | VFIO_DEVICE_PCI,
				      .nr_regions = VFIO_REGIONS,
				      .nr_irqs = VFIO_IRQS };

	if (m->len < sizeof r)
		return -EINVAL;
	memcpy(vfio_stream_body(&g->s), &r, sizeof r);
	return sizeof r;
}

static uint64_t region_len(const struct vfio_guest *g, uint32_t region)
{
	switch (region) {
	case VFIO_BAR0:
	case VFIO_BAR1:
	case VFIO_BAR3: return g->bar_len[region];
	case VFIO_BAR5: return VFIO_IO_LEN;
	case VFIO_ROM: return g->rom_len;
	case VFIO_CONFIG: return VFIO_CONFIG_LEN;
	default: return 0;
	}
}

static int do_region_info(struct vfio_guest *g, struct vfio_msg *m)
{
	struct vfio_region_info r;

	if (m->len < sizeof r)
		return -EINVAL;
	memcpy(&r, m->data, sizeof r);
	if (r.index >= VFIO_REGIONS)
		return -EINVAL;
	r = (struct vfio_region_info){ .argsz = sizeof r,
				       .index = r.index,
				       .size = region_len(g, r.index) };
	if (r.size)
		r.flags = VFIO_REGION_READABLE | (r.index == VFIO_ROM ? 0 : VFIO_REGION_WRITABLE);
	memcpy(vfio_stream_body(&g->s), &r, sizeof r);
	return sizeof r;
}

static int do_irq_info(struct vfio_guest *g, struct vfio_msg *m)
{
	struct vfio_irq_info q, r;
	int err;

	if (m->len < sizeof q)
		return -EINVAL;
	memcpy(&q, m->data, sizeof q);
	err = vfio_irq_info(q.index, &r);
	if (err)
		return err;
	memcpy(vfio_stream_body(&g->s), &r, sizeof r);
	return sizeof r;
}

/* ---- regions ------------------------------------------------------------------------------ */

static int space_of(uint32_t region)
{
	switch (region) {
	case VFIO_BAR0: return HV_BAR0;
	case VFIO_BAR1: return HV_BAR1;
	case VFIO_BAR3: return HV_BAR3;
	case VFIO_CONFIG: return HV_CFG;
	default: return -1;
	}
}

static bool is_size(uint32_t n)
{
	return n == 1 || n == 2 || n == 4 || n == 8;
}

/* BARs take what one instruction can move; configuration space and ROM are also read as blocks. */
static int access_check(const struct vfio_guest *g, const struct vfio_rw *q, bool write)
{
	bool block = q->region == VFIO_CONFIG || q->region == VFIO_ROM;

	if (q->region >= VFIO_REGIONS || !q->count || q->count > VFIO_DATA_MAX ||
	    !range_ok(q->offset, q->count, region_len(g, q->region)))
		return -EINVAL;
	if (!is_size(q->count) && (write || !block))
		return -EINVAL;
	return write && q->region == VFIO_ROM ? -EPERM : 0;
}

static uint64_t space_rd(struct vfio_guest *g, int space, uint32_t off, uint32_t size)
{
	struct hv_access a = { .space = (enum hv_space)space, .off = off, .size = (uint8_t)size };
	struct hv *h = g->g.hv;

	h->up->access(h->core, &g->g, &a);
	g->stats.accesses++;
	vfio_log_add(g->log, VFIO_LOG_READ, &a);
	return a.val;
}

static void region_rd(struct vfio_guest *g, const struct vfio_rw *q, uint8_t *to)
{
	int space = space_of(q->region);
	uint32_t step = is_size(q->count) ? q->count : 1, off = (uint32_t)q->offset;

	if (q->region == VFIO_ROM) {
		memcpy(to, g->rom + off, q->count);
	} else if (space < 0) {
		/* BAR5: the card's I/O window, which nothing of ours listens at. */
		memset(to, 0, q->count);
	} else {
		for (uint32_t i = 0; i < q->count && !g->dying; i += step) {
			uint64_t v = space_rd(g, space, off + i, step);

			memcpy(to + i, &v, step);
		}
	}
}

static void region_wr(struct vfio_guest *g, const struct vfio_rw *q, const uint8_t *from)
{
	struct hv_access a = { .off = (uint32_t)q->offset, .size = (uint8_t)q->count, .write = true };
	struct hv *h = g->g.hv;
	int space = space_of(q->region);

	if (space < 0)
		return;
	a.space = (enum hv_space)space;
	memcpy(&a.val, from, q->count);
	vfio_log_add(g->log, VFIO_LOG_WRITE, &a);
	h->up->access(h->core, &g->g, &a);
	g->stats.accesses++;
}

static int do_region_read(struct vfio_guest *g, struct vfio_msg *m)
{
	uint8_t *body = vfio_stream_body(&g->s);
	struct vfio_rw q;
	int err;

	if (m->len < sizeof q)
		return -EINVAL;
	memcpy(&q, m->data, sizeof q);
	err = access_check(g, &q, false);
	if (err)
		return err;
	memcpy(body, &q, sizeof q);
	region_rd(g, &q, body + sizeof q);
	return (int)(sizeof q + q.count);
}

static int do_region_write(struct vfio_guest *g, struct vfio_msg *m)
{
	struct vfio_rw q;
	int err;

	if (m->len < sizeof q)
		return -EINVAL;
	memcpy(&q, m->data, sizeof q);
	err = access_check(g, &q, true);
	if (!err && m->len - sizeof q < q.count)
		err = -EINVAL;
	if (err)
		return err;
	region_wr(g, &q, m->data + sizeof q);
	memcpy(vfio_stream_body(&g->s), &q, sizeof q);
	return sizeof q;
}

static int do_write_multi(struct vfio_guest *g, struct vfio_msg *m, unsigned int *cost)
{
	uint64_t nr;
	int err = 0;

	if (m->len < sizeof nr)
		return -EINVAL;
	memcpy(&nr, m->data, sizeof nr);
	if (nr > VFIO_MULTI_MAX || m->len - sizeof nr < nr * sizeof(struct vfio_write))
		return -EINVAL;
	for (uint64_t i = 0; !err && i < nr; i++) {
		struct vfio_rw q;

		memcpy(&q, m->data + sizeof nr + i * sizeof(struct vfio_write), sizeof q);
		err = access_check(g, &q, true);
	}
	for (uint64_t i = 0; !err && i < nr && !g->dying; i++) {
		struct vfio_write w;

		memcpy(&w, m->data + sizeof nr + i * sizeof w, sizeof w);
		region_wr(g, &(struct vfio_rw){ w.offset, w.region, w.count }, w.data);
		++*cost;
	}
	memcpy(vfio_stream_body(&g->s), &nr, sizeof nr);
	return err ? err : (int)sizeof nr;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static int do_unmap(struct vfio_guest *g, struct vfio_msg *m)
{
	struct vfio_dma_unmap q;
	int err;

	if (m->len < sizeof q)
		return -EINVAL;
	memcpy(&q, m->data, sizeof q);
	err = vfio_dma_unmap(g, &q);
	if (err == -EBUSY) {
		g->unmap.waits = true;
		g->unmap.hdr = m->hdr;
		g->unmap.req = q;
		g->unmap.since = clock_ns();
	}
	memcpy(vfio_stream_body(&g->s), &q, sizeof q);
	return err ? err : (int)sizeof q;
}

static int do_reset(struct vfio_guest *g)
{
	struct hv *h = g->g.hv;

	vfio_log_event(g->log, VFIO_LOG_RESET);
	h->up->reset(h->core, &g->g);
	return 0;
}

/* The length of the reply's body, or negative errno. */
static int handle(struct vfio_guest *g, struct vfio_msg *m, unsigned int *cost)
{
	switch (m->hdr.cmd) {
	case VFIO_CMD_VERSION: return do_version(g, m);
	case VFIO_CMD_DMA_MAP: return vfio_dma_map(g, m);
	case VFIO_CMD_DMA_UNMAP: return do_unmap(g, m);
	case VFIO_CMD_DEVICE_INFO: return do_device_info(g, m);
	case VFIO_CMD_REGION_INFO: return do_region_info(g, m);
	case VFIO_CMD_IRQ_INFO: return do_irq_info(g, m);
	case VFIO_CMD_SET_IRQS: return vfio_irq_set(g, m);
	case VFIO_CMD_REGION_READ: return do_region_read(g, m);
	case VFIO_CMD_REGION_WRITE: return do_region_write(g, m);
	case VFIO_CMD_RESET: return do_reset(g);
	case VFIO_CMD_WRITE_MULTI: return do_write_multi(g, m, cost);
	default: return -EOPNOTSUPP;
	}
}

int vfio_request(struct vfio_guest *g, struct vfio_msg *m, unsigned int *cost)
{
	int n;

	++*cost;
	g->stats.messages++;
	if (m->hdr.flags & VFIO_HDR_TYPE || g->spoke == (m->hdr.cmd == VFIO_CMD_VERSION))
		return -EPROTO;
	n = handle(g, m, cost);
	/* The client would take a reply for an answer to a guest that is no more. */
	if (g->dying || g->unmap.waits)
		return 0;
	if (n >= 0)
		return vfio_stream_reply(&g->s, &m->hdr, (uint32_t)n);
	g->stats.bad++;
	return vfio_stream_error(&g->s, &m->hdr, n);
}
