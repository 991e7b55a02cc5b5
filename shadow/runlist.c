// SPDX-License-Identifier: MIT
/*
 * The device has one runlist for all channels; each guest believes that its
 * own list is it.  The merged list holds the channels of every guest's last
 * list that are bound and have a host id, one of each guest in turn.
 *
 * The list is written to a buffer of the heap that the device does not read:
 * there are two, and before the other one is reused the device must have taken
 * the last commit.
 */
#include <string.h>

#include "gpuvm/base/log.h"
#include "shadow/private.h"

#define SUBMIT_ALL_ENGINES 0x01f00000u
#define READ_ENTRIES 512 /* of a guest's list at a time */

static bool listed(const uint8_t *list, uint32_t n, uint32_t id)
{
	return n && memchr(list, (int)id, n);
}

bool shadow_runlist_has(const struct shadow_guest *sg, gchan_t id)
{
	return gchan_x(id) < GF100_NR_CHAN && listed(sg->list, sg->nr_list, gchan_x(id));
}

/* ch is bound and the card has an id for it. */
static bool host_id(struct shadow_guest *sg, uint32_t id, struct shadow_chan **ch, uint32_t *out)
{
	hchan_t h;

	*ch = chan_by_id(sg, gchan(id));
	if (!*ch || part_chan_g2h(sg->cfg.part, gchan(id), &h) || hchan_x(h) >= GF100_NR_CHAN)
		return false;
	*out = hchan_x(h);
	return true;
}

/* Appends the n entries of e to list; what the guest may not name is left out and counted. */
static void take(struct shadow_guest *sg, const uint32_t (*e)[2], uint32_t n, uint8_t *list,
		 uint32_t *nr)
{
	struct shadow_chan *ch;
	uint32_t h;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = e[i][0];

		if (id >= GF100_NR_CHAN) {
			sg_fault(sg, SHADOW_FAULT_RUNLIST, id);
			continue;
		}
		if (listed(list, *nr, id))
			continue;
		/* Not offered now; it will be if the guest binds it before its next list. */
		if (!host_id(sg, id, &ch, &h))
			sg_fault(sg, SHADOW_FAULT_RUNLIST, id);
		list[(*nr)++] = (uint8_t)id;
	}
}

int shadow_runlist_submit(struct shadow_guest *sg, uint32_t addr_reg, uint32_t submit_reg)
{
	uint32_t n = RUNLIST_COUNT(submit_reg), nr = 0, buf[READ_ENTRIES][2];
	uint64_t addr = RUNLIST_ADDR(addr_reg);
	uint8_t list[GF100_NR_CHAN];

	for (uint32_t i = 0; i < n; i += READ_ENTRIES) {
		uint32_t k = n - i < READ_ENTRIES ? n - i : READ_ENTRIES;
		int err = shadow_gmem_rd(sg, RUNLIST_TARGET(addr_reg), addr + i * RUNLIST_ENTRY_LEN,
					 buf, k * RUNLIST_ENTRY_LEN);

		if (err) {
			/* The last good list stays: half a list would stop channels at random. */
			if (err == -EFAULT)
				sg_fault(sg, SHADOW_FAULT_RUNLIST, addr);
			return err;
		}
		take(sg, (const uint32_t(*)[2])buf, k, list, &nr);
	}
	memcpy(sg->list, list, nr);
	sg->nr_list = nr;
	return shadow_runlist_commit(sg->s);
}

/* Fills buf and s->rl_ids with the merged list. */
static uint32_t merge(struct shadow *s, uint32_t (*buf)[2])
{
	struct shadow_guest *sg;
	struct shadow_chan *ch;
	uint32_t n = 0, h;

	list_for_each(sg, &s->guests, node)
		list_for_each(ch, &sg->chans, node)
			ch->committed = false;
	for (uint32_t pos = 0; pos < GF100_NR_CHAN; pos++)
		list_for_each(sg, &s->guests, node) {
			if (pos >= sg->nr_list || n == GF100_NR_CHAN ||
			    !host_id(sg, sg->list[pos], &ch, &h))
				continue;
			ch->committed = ch->ran = true;
			s->rl_ids[n] = buf[n][0] = h;
			buf[n++][1] = RUNLIST_WORD1;
		}
	return n;
}

int shadow_runlist_commit(struct shadow *s)
{
	uint32_t buf[GF100_NR_CHAN][2], next = s->rl_cur ^ 1;
	hvram_t at = s->rl[next];
	int err;

	/*
	 * If the device never took the last one it is stuck; the wait was counted and there is
	 * nothing better to do.
	 */
	hw_wait(s, NV_PFIFO_RUNLIST_STATUS, RUNLIST_STATUS_PENDING, false);
	s->rl_len = merge(s, buf);
	if (s->rl_len) {
		err = vram_put(s, at, buf, s->rl_len * RUNLIST_ENTRY_LEN);
		if (err)
			return err;
	}
	s->rl_cur = next;
	s->rl_committed = true;
	hw_flush_writes(s);
	dev_wr32(s->dev, NV_PFIFO_RUNLIST_ADDR, (uint32_t)(hvram_x(at) >> 12) | PTE_VRAM << 28);
	dev_wr32(s->dev, NV_PFIFO_RUNLIST_SUBMIT, SUBMIT_ALL_ENGINES | s->rl_len);
	return 0;
}
