// SPDX-License-Identifier: MIT
/* Counters as JSON.  Keys are the paper's words where the paper counts the same thing. */
#include "gpuvm/metrics.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

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

/* A counter of a struct: its key and where it is. */
struct row {
	const char *key;
	size_t at;
};
#define ROW(type, key, field) { key, offsetof(type, field) }

static void put_rows(json_t *o, const void *from, const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v;

		memcpy(&v, (const char *)from + row[i].at, sizeof v);
		put(o, row[i].key, v);
	}
}

static void put_ratio(json_t *o, const char *key, uint64_t a, uint64_t b)
{
	json_object_set_new(o, key, json_real(b ? (double)a / (double)b : 0));
}

static json_t *shadow_json(const struct shadow_stats *s)
{
#define S(key, field) ROW(struct shadow_stats, key, field)
	static const struct row rows[] = {
		S("flushes", flushes), S("flushes_deferred", deferred), S("shadowings", shadowings),
		S("shadowing_ns", shadowing_ns), S("pdes_scanned", pdes_scanned),
		S("ptes_scanned", ptes_scanned), S("ptes_changed", ptes_changed),
		S("ptes_trusted", ptes_trusted), S("bytes_copied", bytes),
		S("table_bytes", table_bytes), S("pins", pins), S("windows", windows),
		S("windows_opened", windows_opened), S("windows_closed", windows_closed),
	};
#undef S
	json_t *o = json_object(), *faults = json_object();

	put_rows(o, s, rows, ARRAY_SIZE(rows));
	for (int i = 0; i < NR_SHADOW_FAULTS; i++)
		put(faults, shadow_fault_name((enum shadow_fault)i), s->faults[i]);
	json_object_set_new(o, "faults", faults);
	return o;
}

static json_t *pv_json(const struct vgpu *v)
{
	static const char *const pages[NR_SHADOW_PV_KINDS] = { "directories", "small_tables",
							       "large_tables" };
#define S(key, field) ROW(struct pv_stats, key, field)
	static const struct row rows[] = {
		S("hypercalls", calls), S("operations", ops), S("operations_max", ops_max),
		S("failed", failed), S("bad_hypercalls", bad_calls), S("bytes_copied", bytes),
	};
#undef S
	const struct shadow_pv_stats *t = shadow_pv_stats(v->shadow);
	const struct pv_stats *s = vgpu_pv_stats(v);
	json_t *o = json_object();

	put_rows(o, s, rows, ARRAY_SIZE(rows));
	put_ratio(o, "operations_per_hypercall", s->ops, s->calls);
	put(o, "ptes_mapped", t->mapped);
	put(o, "ptes_unmapped", t->unmapped);
	put(o, "flushes", t->flushes);
	for (int i = 0; i < NR_SHADOW_PV_KINDS; i++)
		put(o, pages[i], t->pages[i]);
	return o;
}

static json_t *hp_json(const struct vgpu *v)
{
#define S(key, field) ROW(struct hp_stats, key, field)
	static const struct row rows[] = {
		S("sessions", sessions), S("doorbells", bells), S("requests", requests),
		S("calls", calls), S("submits", submits), S("pieces", pieces),
		S("bytes_copied", bytes), S("failed", failed), S("bad_rings", bad_rings),
		S("fence_irqs", events), S("address_spaces", vases), S("objects", bos),
		S("channels", chans), S("system_bytes", sys_bytes), S("vram_bytes", vram_bytes),
	};
#undef S
	const struct hp_stats *s = vgpu_hp_stats(v);
	json_t *o = json_object();

	put_rows(o, s, rows, ARRAY_SIZE(rows));
	put_ratio(o, "requests_per_doorbell", s->requests, s->bells);
	return o;
}

static json_t *sched_json(const struct sched_ent *e)
{
#define S(key, field) ROW(struct sched_ent_stats, key, field)
	static const struct row rows[] = {
		S("submitted", submitted), S("started", started), S("done", done),
		S("dropped", dropped), S("refused", refused), S("held_ns", held_ns),
		S("held_max_ns", held_max_ns),
	};
#undef S
	json_t *o = json_object();

	put(o, "weight", e->weight);
	put(o, "cap_pct", e->cap_pct);
	put(o, "latency_us", e->latency_us);
	put(o, "budget_pct", e->budget_pct);
	put(o, "queued", e->nr_queued);
	put(o, "running", e->nr_running);
	put_rows(o, &e->stats, rows, ARRAY_SIZE(rows));
	return o;
}

/*
 * The same keys in every mode, so that modes can be put side by side.  Accesses
 * that do not trap cannot be counted: what is counted is pages.
 */
static json_t *counters_json(const struct vgpu *v)
{
	const struct shadow_stats none = { 0 }, *s = v->shadow ? shadow_guest_stats(v->shadow) : &none;
	uint64_t calls = 0, ops = 0, bytes = s->bytes, flushes = s->flushes;
	const struct vgpu_stats *t = &v->stats;
	json_t *o = json_object();

	if (v->pv) {
		calls = vgpu_pv_stats(v)->calls;
		ops = vgpu_pv_stats(v)->ops;
		bytes += vgpu_pv_stats(v)->bytes;
		flushes += shadow_pv_stats(v->shadow)->flushes;
	} else if (v->hp) {
		calls = vgpu_hp_stats(v)->bells;
		ops = vgpu_hp_stats(v)->requests;
		bytes += vgpu_hp_stats(v)->bytes;
	}
	put(o, "flushes", flushes);
	put(o, "shadowings", s->shadowings);
	put(o, "shadowing_ns", s->shadowing_ns);
	put(o, "ptes_scanned", s->ptes_scanned);
	put(o, "ptes_changed", s->ptes_changed);
	put(o, "hypercalls", calls);
	put(o, "operations", ops);
	put_ratio(o, "operations_per_hypercall", ops, calls);
	put(o, "bar0_trapped", t->reads[HV_BAR0] + t->writes[HV_BAR0]);
	put(o, "bar1_trapped", t->reads[HV_BAR1] + t->writes[HV_BAR1]);
	put(o, "bar3_trapped", t->reads[HV_BAR3] + t->writes[HV_BAR3]);
	put(o, "pages_untrapped", s->windows_opened);
	put(o, "bytes_copied", bytes);
	put(o, "submissions", t->submissions);
	put(o, "held_ns", v->ent ? v->ent->stats.held_ns : 0);
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
#define S(key, field) ROW(struct vgpu_stats, key, field)
	static const struct row rows[] = {
		S("denied", denied), S("guest_faults", guest_faults), S("doorbells", doorbells),
		S("submissions", submissions), S("completions", completions), S("irqs", irqs),
		S("mmu_faults", mmu_faults), S("watchdog", watchdog),
	};
#undef S
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
	json_object_set_new(o, "counters", counters_json(v));
	put_rows(o, &v->stats, rows, ARRAY_SIZE(rows));
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
#define S(key, field) ROW(struct gpuvm_stats, key, field)
	static const struct row rows[] = {
		S("irqs", irqs), S("mmu_faults", mmu_faults), S("engine_resets", engine_resets),
		S("steps", steps),
	};
#undef S
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
	put_rows(o, &g->stats, rows, ARRAY_SIZE(rows));
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
