// SPDX-License-Identifier: MIT
/* What a vGPU looks like, for people.  Reads only what the mediator knows, and USERD. */
#include <inttypes.h>

#include "gpuvm/fermi/inst.h"
#include "gpuvm/host.h"
#include "gpuvm/hp.h"

static const char *const space_names[NR_HV_SPACES] = { "config", "BAR0", "BAR1", "BAR3", "PV" };

static void dump_stats(const struct vgpu *v, FILE *f)
{
	const struct vgpu_stats *s = &v->stats;

	fprintf(f, "  accesses:");
	for (int i = 0; i < NR_HV_SPACES; i++)
		fprintf(f, " %s %" PRIu64 "/%" PRIu64, space_names[i], s->reads[i], s->writes[i]);
	fprintf(f, " (reads/writes), %" PRIu64 " denied\n", s->denied);
	fprintf(f, "  doorbells %" PRIu64 ", submissions %" PRIu64 ", completed %" PRIu64
		   ", interrupts %" PRIu64 "\n",
		s->doorbells, s->submissions, s->completions, s->irqs);
	fprintf(f, "  faults of the guest %" PRIu64 ", MMU faults %" PRIu64 ", stopped by the watchdog %"
		   PRIu64 "\n",
		s->guest_faults, s->mmu_faults, s->watchdog);
	for (int e = 0; e < NR_GPUVM_ENGINES; e++)
		fprintf(f, "  %s: %" PRIu64 " us\n",
			host_engine_name(gpuvm_engine_fermi((enum gpuvm_engine)e)),
			s->gpu_ns[e] / 1000);
}

static void dump_chan(struct vgpu *v, const struct vgpu_chan *c, FILE *f)
{
	fprintf(f, "  channel %u (card %u):%s%s", gchan_x(c->id), hchan_x(c->host),
		c->dead ? " dead" : "", c->runnable ? " runnable" : "");
	if (c->shadow)
		fprintf(f, " instance 0x%" PRIx64 " shadow 0x%" PRIx64,
			gvram_x(shadow_chan_guest_inst(c->shadow)),
			hvram_x(shadow_chan_inst(c->shadow)));
	fprintf(f, " put %u handed over %u", c->put, c->put_host);
	if (!v->g->passthrough)
		fprintf(f, " get %u", host_userd_rd(v->g, c->host, USERD_GP_GET));
	fprintf(f, " running %u%s\n", c->nr_running, c->queued ? ", one queued" : "");
}

static void dump_vram(const struct vgpu *v, FILE *f)
{
	uint32_t nr, n;
	const hvram_t *chunk = part_chunks(v->part, &nr);

	for (uint32_t i = 0; i < nr; i += n) {
		for (n = 1; i + n < nr &&
			    hvram_x(chunk[i + n]) == hvram_x(chunk[i]) + n * PART_CHUNK_LEN;)
			n++;
		fprintf(f, "  VRAM 0x%09" PRIx64 " is the card's 0x%09" PRIx64 ", %u MiB\n",
			(uint64_t)i << PART_CHUNK_SHIFT, hvram_x(chunk[i]),
			n << (PART_CHUNK_SHIFT - 20));
	}
}

void vgpu_dump(struct vgpu *v, FILE *f)
{
	fprintf(f, "guest %s: %s%s%s\n", v->name, vgpu_mode_name(v->cfg.mode),
		v->failed ? ", switched off: " : "",
		v->failed && v->failed_why ? v->failed_why : "");
	dump_stats(v, f);
	if (v->cfg.mode == VGPU_PASSTHROUGH)
		return;
	dump_vram(v, f);
	if (v->hp)
		vgpu_hp_dump(v, f);
	for (uint32_t i = 0; i < GF100_NR_CHAN; i++)
		if (v->chan[i])
			dump_chan(v, v->chan[i], f);
	shadow_dump(v->shadow, f);
}
