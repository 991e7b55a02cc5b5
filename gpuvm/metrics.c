// SPDX-License-Identifier: MIT
/* Counters as JSON.  Keys are the paper's words where the paper counts the same thing. */
#include "gpuvm/metrics.h"

#include <errno.h>

#include "gpuvm/gpuvm.h"
#include "gpuvm/hp.h"
#include "gpuvm/pv.h"
#include "shadow/pv.h"

static const char *const engine_key[NR_GPUVM_ENGINES] = { "gr", "ce0", "ce1" };

static void put(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static json_t *traps_json(const struct vgpu_stats *s)
{
	static const char *const space[NR_HV_SPACES] = { "config", "bar0", "bar1", "bar3", "pv" };
	json_t *o = json_object();

	for (int i = 0; i < NR_HV_SPACES; i++)
		json_object_set_new(o, space[i],
				    json_pack("{s:I, s:I}", "reads", (json_int_t)s->reads[i], "writes",
					      (json_int_t)s->writes[i]));
	return o;
}

static json_t *shadow_json(const struct shadow_stats *s)
{
	json_t *o = json_object(), *faults = json_object();

	put(o, "flushes", s->flushes);
	put(o, "flushes_deferred", s->deferred);
	put(o, "shadowings", s->shadowings);
	put(o, "shadowing_ns", s->shadowing_ns);
	put(o, "pdes_scanned", s->pdes_scanned);
	put(o, "ptes_scanned", s->ptes_scanned);
	put(o, "ptes_changed", s->ptes_changed);
	put(o, "ptes_trusted", s->ptes_trusted);
	put(o, "table_bytes", s->table_bytes);
	put(o, "pins", s->pins);
	put(o, "windows", s->windows);
	put(o, "windows_opened", s->windows_opened);
	put(o, "windows_closed", s->windows_closed);
	for (int i = 0; i < NR_SHADOW_FAULTS; i++)
		put(faults, shadow_fault_name((enum shadow_fault)i), s->faults[i]);
	json_object_set_new(o, "faults", faults);
	return o;
}

static json_t *pv_json(const struct vgpu *v)
{
	static const char *const pages[NR_SHADOW_PV_KINDS] = { "directories", "small_tables",
							       "large_tables" };
	const struct shadow_pv_stats *t = shadow_pv_stats(v->shadow);
	const struct pv_stats *s = vgpu_pv_stats(v);
	json_t *o = json_object();

	put(o, "hypercalls", s->calls);
	put(o, "operations", s->ops);
	json_object_set_new(o, "operations_per_hypercall",
			    json_real(s->calls ? (double)s->ops / (double)s->calls : 0));
	put(o, "operations_max", s->ops_max);
	put(o, "failed", s->failed);
	put(o, "bad_hypercalls", s->bad_calls);
	put(o, "bytes_copied", s->bytes);
	put(o, "ptes_mapped", t->mapped);
	put(o, "ptes_unmapped", t->unmapped);
	put(o, "flushes", t->flushes);
	for (int i = 0; i < NR_SHADOW_PV_KINDS; i++)
		put(o, pages[i], t->pages[i]);
	return o;
}

static json_t *hp_json(const struct vgpu *v)
{
	const struct hp_stats *s = vgpu_hp_stats(v);
	json_t *o = json_object();

	put(o, "sessions", s->sessions);
	put(o, "doorbells", s->bells);
	put(o, "requests", s->requests);
	json_object_set_new(o, "requests_per_doorbell",
			    json_real(s->bells ? (double)s->requests / (double)s->bells : 0));
	put(o, "calls", s->calls);
	put(o, "submits", s->submits);
	put(o, "pieces", s->pieces);
	put(o, "bytes_copied", s->bytes);
	put(o, "failed", s->failed);
	put(o, "bad_rings", s->bad_rings);
	put(o, "fence_irqs", s->events);
	put(o, "address_spaces", s->vases);
	put(o, "objects", s->bos);
	put(o, "channels", s->chans);
	put(o, "system_bytes", s->sys_bytes);
	put(o, "vram_bytes", s->vram_bytes);
	return o;
}

static json_t *sched_json(const struct sched_ent *e)
{
	json_t *o = json_object();

	put(o, "weight", e->weight);
	put(o, "cap_pct", e->cap_pct);
	put(o, "latency_us", e->latency_us);
	put(o, "budget_pct", e->budget_pct);
	put(o, "queued", e->nr_queued);
	put(o, "running", e->nr_running);
	put(o, "submitted", e->stats.submitted);
	put(o, "started", e->stats.started);
	put(o, "done", e->stats.done);
	put(o, "dropped", e->stats.dropped);
	put(o, "refused", e->stats.refused);
	put(o, "held_ns", e->stats.held_ns);
	put(o, "held_max_ns", e->stats.held_max_ns);
	return o;
}

static uint64_t gpu_ns(const struct vgpu *v)
{
	uint64_t n = 0;

	for (int i = 0; i < NR_GPUVM_ENGINES; i++)
		n += v->stats.gpu_ns[i];
	return n;
}

static json_t *guest_json(const struct vgpu *v)
{
	json_t *o = json_object(), *gpu = json_object();
	uint64_t chans = 0;
	char opts[64];

	for (int i = 0; i < GF100_NR_CHAN; i++)
		chans += v->chan[i] != NULL;
	json_object_set_new(o, "name", json_string(v->name));
	json_object_set_new(o, "mode", json_string(vgpu_mode_name(v->cfg.mode)));
	shadow_opts_print(v->cfg.shadow_opts, opts, sizeof opts);
	json_object_set_new(o, "options", json_string(opts));
	json_object_set_new(o, "state", json_string(v->failed ? "failed" : "running"));
	if (v->failed && v->failed_why)
		json_object_set_new(o, "why", json_string(v->failed_why));
	put(o, "vram", v->part ? part_vram_len(v->part) : v->g->dev->info.vram_len);
	put(o, "channels", chans);
	json_object_set_new(o, "traps", traps_json(&v->stats));
	put(o, "denied", v->stats.denied);
	put(o, "guest_faults", v->stats.guest_faults);
	put(o, "doorbells", v->stats.doorbells);
	put(o, "submissions", v->stats.submissions);
	put(o, "completions", v->stats.completions);
	put(o, "irqs", v->stats.irqs);
	put(o, "mmu_faults", v->stats.mmu_faults);
	put(o, "watchdog", v->stats.watchdog);
	for (int i = 0; i < NR_GPUVM_ENGINES; i++)
		put(gpu, engine_key[i], v->stats.gpu_ns[i]);
	json_object_set_new(o, "gpu_ns", gpu);
	if (v->shadow)
		json_object_set_new(o, "shadow", shadow_json(shadow_guest_stats(v->shadow)));
	if (v->pv)
		json_object_set_new(o, "pv", pv_json(v));
	if (v->hp)
		json_object_set_new(o, "hp", hp_json(v));
	if (v->ent)
		json_object_set_new(o, "sched", sched_json(v->ent));
	return o;
}

static json_t *host_json(struct gpuvm *g)
{
	char params[256];
	json_t *o = json_object();

	json_object_set_new(o, "gpu", json_string(g->dev->ops->name));
	json_object_set_new(o, "policy", json_string(g->sched->policy->name));
	sched_print_params(g->sched, params, sizeof params);
	json_object_set_new(o, "policy_params", json_string(params));
	put(o, "decisions", g->sched->picks);
	put(o, "vram", g->dev->info.vram_len);
	put(o, "vram_free", part_pool_free_vram(g->pool));
	put(o, "chans_free", part_pool_free_chans(g->pool));
	put(o, "heap_used", vheap_used(g->heap));
	put(o, "heap_size", vheap_size(g->heap));
	put(o, "irqs", g->stats.irqs);
	put(o, "mmu_faults", g->stats.mmu_faults);
	put(o, "engine_resets", g->stats.engine_resets);
	put(o, "steps", g->stats.steps);
	return o;
}

int metrics_json(struct gpuvm *g, json_t **out)
{
	json_t *o = json_object(), *guests = json_array();
	struct vgpu *v;
	uint64_t total = 0;

	list_for_each(v, &g->vgpus, node)
		total += gpu_ns(v);
	list_for_each(v, &g->vgpus, node) {
		json_t *j = guest_json(v);

		json_object_set_new(j, "gpu_share",
				    json_real(total ? (double)gpu_ns(v) / (double)total : 0));
		json_array_append_new(guests, j);
	}
	if (!g->departed)
		g->departed = json_array();
	if (!o || json_object_set_new(o, "host", host_json(g)) ||
	    json_object_set_new(o, "guests", guests) ||
	    json_object_set(o, "departed", g->departed)) {
		json_decref(o);
		return -ENOMEM;
	}
	*out = o;
	return 0;
}

void metrics_depart(struct vgpu *v)
{
	json_t *all = v->g->departed ? v->g->departed : (v->g->departed = json_array());

	if (!all)
		return;
	if (json_array_size(all) >= METRICS_DEPARTED)
		json_array_remove(all, 0);
	json_array_append_new(all, guest_json(v));
}

void metrics_free(struct gpuvm *g)
{
	json_decref(g->departed);
	g->departed = NULL;
}
