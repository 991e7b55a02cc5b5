// SPDX-License-Identifier: MIT
/*
 * A guest's last accesses, for whoever asks afterwards what its driver did.
 *
 * Always true: while the guest lives an access costs one store to memory; the
 * file is opened at the start, so that a bad path is refused there, and written
 * at the guest's end.
 */
#include <inttypes.h>
#include <stdio.h>

#include "gpuvm/base/clock.h"
#include "gpuvm/base/mem.h"
#include "gpuvm/hv/vfio_impl.h"

/* A probe makes some 300,000 accesses; what goes wrong is found in its last tenth. */
#define ENTRIES (1u << 15)

struct entry {
	uint64_t ns, val;
	uint32_t off;
	uint8_t what, size;
};

struct vfio_log {
	FILE *file;
	uint64_t nr, start; /* nr: ever */
	struct entry *ring; /* owned, ENTRIES of them */
};

static const char *const names[NR_VFIO_LOGS] = { "read", "write", "irq", "map", "unmap", "reset" };
static const char *const spaces[NR_HV_SPACES] = { "config", "bar0", "bar1", "bar3", "pv" };

int vfio_log_new(const char *path, struct vfio_log **out)
{
	struct vfio_log *l = mem_new(struct vfio_log);
	int err;

	if (!l)
		return -ENOMEM;
	l->ring = mem_calloc(ENTRIES, sizeof *l->ring);
	l->file = l->ring ? fopen(path, "we") : NULL;
	if (!l->file) {
		err = l->ring ? -errno : -ENOMEM;
		vfio_log_free(l);
		return err;
	}
	l->start = clock_ns();
	*out = l;
	return 0;
}

void vfio_log_add(struct vfio_log *l, enum vfio_log_what what, const struct hv_access *a)
{
	if (!l)
		return;
	l->ring[l->nr++ % ENTRIES] = (struct entry){ .ns = clock_ns(),
						     .val = a->val,
						     .off = a->off,
						     .what = (uint8_t)(what << 4 | a->space),
						     .size = a->size };
}

/* Seconds since the guest came to be, what, where, size, value. */
static void print(const struct vfio_log *l, const struct entry *e)
{
	uint64_t us = (e->ns - l->start) / 1000;
	enum vfio_log_what what = e->what >> 4;

	fprintf(l->file, "%" PRIu64 ".%06" PRIu64 " %s", us / 1000000, us % 1000000, names[what]);
	if (what <= VFIO_LOG_WRITE)
		fprintf(l->file, " %s %06" PRIx32 " %u %" PRIx64, spaces[e->what & 15], e->off, e->size, e->val);
	fputc('\n', l->file);
}

void vfio_log_free(struct vfio_log *l)
{
	if (!l)
		return;
	for (uint64_t i = l->nr > ENTRIES ? l->nr - ENTRIES : 0; l->file && i < l->nr; i++)
		print(l, &l->ring[i % ENTRIES]);
	if (l->file)
		fclose(l->file);
	mem_free(l->ring);
	mem_free(l);
}
