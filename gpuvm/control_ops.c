// SPDX-License-Identifier: MIT
/*
 * Requests of the control socket.  Every field is checked here before the
 * core sees it; an answer always has "ok", and "error" when that is false.
 */
#include "gpuvm/control_ops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpuvm/control_domains.h"
#include "gpuvm/control_pv.h"
#include "gpuvm/control_sched.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/process.h"
#include "gpuvm/hv/pvback.h"
#include "gpuvm/hv/vfio_user.h"
#include "gpuvm/hv/xen.h"
#include "gpuvm/metrics.h"
#include "gpuvm/units.h"
#include "pv-driver/hp_abi.h"
#include "pv-driver/proc_abi.h"
#include "pv-driver/pv_abi.h"

/* Guest RAM when the request names none: sparse, so it costs only what the guest touches. */
#define RAM_DEFAULT (2ull << 30)
#define RAM_MAX (4ull << 30)
/* Where a domain's vGPU stands on its bus when the request names no slot. */
#define XEN_SLOT 16

json_t *control_refuse(const char *fmt, ...)
{
	char line[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	return json_pack("{s:b, s:s}", "ok", 0, "error", line);
}

/* An unsigned field; absent leaves *out alone. */
static int get_u64(json_t *req, const char *key, uint64_t max, uint64_t *out)
{
	json_t *v = json_object_get(req, key);

	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return -EINVAL;
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

struct attach_req {
	const char *name;
	const char *vfio_user; /* socket to create for a virtual machine; NULL: not one */
	const char *domain;    /* name or number of a domain of Xen; NULL: not one */
	uint64_t slot;	       /* of its PCI bus */
	const char *access_log; /* of a virtual machine; NULL: none */
	struct vgpu_cfg vgpu;
	uint64_t ram_len;
	bool posted;
};

/* NULL when the request is sound; else the refusal. */
static json_t *parse_attach(struct control_env *env, json_t *req, struct attach_req *r)
{
	const char *mode = json_string_value(json_object_get(req, "mode"));
	const char *options = json_string_value(json_object_get(req, "options"));
	uint64_t weight = 0, vram = 0, timeout = 0, cap = 0, latency = 0, ops = 0;
	json_t *posted = json_object_get(req, "posted");

	memset(r, 0, sizeof *r);
	r->ram_len = RAM_DEFAULT;
	r->posted = posted ? json_is_true(posted) : true;
	r->name = json_string_value(json_object_get(req, "name"));
	if (!r->name || !gpuvm_name_ok(r->name))
		return control_refuse("attach: name must be 1 to 31 letters, digits, '.', '_' or '-'");
	if (gpuvm_find(env->g, r->name))
		return control_refuse("attach: a guest named %s exists", r->name);
	r->vfio_user = json_string_value(json_object_get(req, "vfio_user"));
	if (json_object_get(req, "vfio_user") && (!r->vfio_user || r->vfio_user[0] != '/'))
		return control_refuse("attach: vfio_user must be an absolute path");
	r->domain = json_string_value(json_object_get(req, "domain"));
	r->slot = XEN_SLOT;
	if (json_object_get(req, "domain") && (!r->domain || r->vfio_user))
		return control_refuse("attach: domain is a domain's name or number, and not for vfio_user");
	if (get_u64(req, "slot", 31, &r->slot) || !r->slot)
		return control_refuse("attach: slot must be 1 to 31");
	r->access_log = json_string_value(json_object_get(req, "access_log"));
	if (json_object_get(req, "access_log") && (!r->vfio_user || !r->access_log || r->access_log[0] != '/'))
		return control_refuse("attach: access_log must be an absolute path, for a virtual machine");
	if (!mode || vgpu_mode_parse(mode, &r->vgpu.mode))
		return control_refuse("attach: unknown mode");
	if (r->vfio_user && r->vgpu.mode == VGPU_HP_PV)
		return control_refuse("attach: a virtual machine has no request ring yet: hp-pv is for programs");
	if (get_u64(req, "vram", UINT64_MAX, &vram) || (!vram && r->vgpu.mode != VGPU_PASSTHROUGH))
		return control_refuse("attach: vram must be a positive number of bytes");
	if (get_u64(req, "ram", RAM_MAX, &r->ram_len) || !r->ram_len || r->ram_len % 4096)
		return control_refuse("attach: ram must be a multiple of 4096, at most 4G");
	if (get_u64(req, "weight", SCHED_WEIGHT_MAX, &weight))
		return control_refuse("attach: weight must be 1 to %d", SCHED_WEIGHT_MAX);
	if (get_u64(req, "cap", 100, &cap))
		return control_refuse("attach: cap must be 0 to 100");
	if (get_u64(req, "latency_us", SCHED_LATENCY_MAX_US, &latency))
		return control_refuse("attach: latency_us must be at most %u", SCHED_LATENCY_MAX_US);
	if (get_u64(req, "timeout_ms", 3600000, &timeout))
		return control_refuse("attach: timeout_ms must be at most 3600000");
	if (get_u64(req, "multicall", UINT32_MAX, &ops) || (ops && r->vgpu.mode != VGPU_NAIVE_PV))
		return control_refuse("attach: multicall is a number of operations, for mode naive-pv");
	if (options && (r->vgpu.mode != VGPU_FULL || shadow_opts_parse(options, &r->vgpu.shadow_opts)))
		return control_refuse("attach: options '%.40s': not none, optimized, best, or a list "
				      "of keep, lazy, track, bar-remap, for mode full", options);
	r->vgpu.pv_ops = (uint32_t)ops;
	r->vgpu.vram_len = vram;
	r->vgpu.weight = (uint32_t)weight;
	r->vgpu.cap_pct = (uint32_t)cap;
	r->vgpu.latency_us = (uint32_t)latency;
	r->vgpu.timeout_ms = (uint32_t)timeout;
	return NULL;
}

/* What the hypervisor port said, in words; NULL for success. */
static json_t *attach_error(int err)
{
	switch (err) {
	case 0: return NULL;
	case -EBUSY:
		return control_refuse("attach: passthrough needs the whole card, and it has guests, or one "
				      "guest has the whole card");
	case -ENOSPC: return control_refuse("attach: no room for another guest");
	case -EOPNOTSUPP:
		return control_refuse("attach: options: bar-remap: its hypervisor or the device has no such memory");
	default: return control_refuse("attach: %s", strerror(-err));
	}
}

static json_t *attach_vm(struct control_env *env, struct attach_req *r)
{
	uint8_t rom[VBIOS_LEN];
	struct hv_vfio_cfg cfg = { .name = r->name,
				   .path = r->vfio_user,
				   .rom = rom,
				   .rom_len = sizeof rom,
				   .access_log = r->access_log,
				   .cfg = &r->vgpu };
	struct hv_guest *guest;
	json_t *no;

	if (!env->vm_port)
		return control_refuse("attach: this daemon serves no virtual machines");
	unit_rom_build(rom);
	cfg.bar_len[0] = GF100_BAR0_LEN;
	cfg.bar_len[1] = GF100_BAR1_LEN;
	cfg.bar_len[3] = GF100_BAR3_LEN;
	r->vgpu.pci_off = true;
	no = attach_error(hv_vfio_guest_new(env->vm_port, &cfg, &guest));
	return no ? no : json_pack("{s:b, s:i}", "ok", 1, "id", (int)guest->id);
}

static json_t *attach_domain(struct control_env *env, json_t *req, struct attach_req *r)
{
	uint8_t rom[VBIOS_LEN];
	struct hv_xen_cfg cfg = { .name = r->name,
				  .slot = (uint8_t)r->slot,
				  .rom = rom,
				  .rom_len = sizeof rom,
				  .cfg = &r->vgpu };
	struct hv_xen_domain d;
	struct hv_guest *guest;
	json_t *no;

	if (!env->xen_port)
		return control_refuse("attach: this daemon serves no domains: not on Xen, or built without it");
	if (hv_xen_find(env->xen_port, r->domain, &d))
		return control_refuse("attach: no domain %.40s", gpuvm_name_ok(r->domain) ? r->domain : "of that name");
	if (r->vgpu.mode == VGPU_NAIVE_PV || r->vgpu.mode == VGPU_HP_PV)
		return control_pv_attach(env, req, r->name, d.domid, &r->vgpu);
	if (!strcmp(d.type, "pv"))
		return control_refuse("attach: domain %u is PV: it has no traps, only modes naive-pv and hp-pv",
				      d.domid);
	unit_rom_build(rom);
	cfg.domid = d.domid;
	cfg.domain = d.name;
	cfg.bridge = strcmp(d.type, "hvm") != 0;
	cfg.bar_len[0] = GF100_BAR0_LEN;
	cfg.bar_len[1] = GF100_BAR1_LEN;
	cfg.bar_len[3] = GF100_BAR3_LEN;
	r->vgpu.pci_off = true;
	no = attach_error(hv_xen_guest_new(env->xen_port, &cfg, &guest));
	return no ? no : json_pack("{s:b, s:i, s:i}", "ok", 1, "id", (int)guest->id, "domid", (int)d.domid);
}

/*
 * Stores after which memory, or what a BAR shows, may be another: PRAMIN, what the BARs' tables and
 * USERD depend on, flushes, and channels, whose instance blocks are watched.
 */
static const struct hv_process_range ordered[] = {
	{ HV_BAR0, NV_PRAMIN, 1u << 20 },
	{ HV_BAR0, NV_PBUS_PRAMIN_BASE, 0x20 },
	{ HV_BAR0, NV_PFIFO_USERD_BASE, 4 },
	{ HV_BAR0, NV_PFIFO_CHAN_INST, GF100_NR_CHAN * 8 },
	{ HV_BAR0, NV_PFB_MMU_CTRL, 0x40 },
	{ HV_BAR0, NV_FLUSH_BAR, 4 },
	{ HV_BAR0, NV_PMC_ENABLE, 4 },
};

/* What of a GPU the mode shows. */
static void process_bars(const struct vgpu_cfg *cfg, uint64_t len[6])
{
	if (cfg->mode == VGPU_HP_PV) {
		/* BAR1 shows objects, once they are asked for. */
		len[1] = GF100_BAR1_LEN;
		len[PROC_BAR_PV] = HP_PAGE_LEN;
		return;
	}
	len[0] = GF100_BAR0_LEN;
	len[1] = GF100_BAR1_LEN;
	len[3] = GF100_BAR3_LEN;
	len[PROC_BAR_PV] = cfg->mode == VGPU_NAIVE_PV ? PV_PAGE_LEN : 0;
}

static json_t *op_attach(struct control_env *env, json_t *req, struct control_answer *a)
{
	struct attach_req r;
	struct hv_process_cfg cfg = { 0 };
	struct hv_process_fds fds;
	struct hv_guest *guest;
	json_t *no = parse_attach(env, req, &r);
	char free_vram[32];

	if (no)
		return no;
	if (r.vgpu.mode != VGPU_PASSTHROUGH && r.vgpu.vram_len > part_pool_free_vram(env->g->pool))
		return control_refuse("attach: %s wants %" PRIu64 " MiB of VRAM, %s MiB are free", r.name,
			      r.vgpu.vram_len >> 20,
			      (snprintf(free_vram, sizeof free_vram, "%" PRIu64,
					part_pool_free_vram(env->g->pool) >> 20),
			       free_vram));
	if (r.vfio_user)
		return attach_vm(env, &r);
	if (r.domain)
		return attach_domain(env, req, &r);
	cfg.name = r.name;
	cfg.ram_len = r.ram_len;
	process_bars(&r.vgpu, cfg.bar_len);
	cfg.posted = r.posted;
	_Static_assert(sizeof ordered <= sizeof cfg.ordered, "all of them fit");
	memcpy(cfg.ordered, ordered, sizeof ordered);
	cfg.cfg = &r.vgpu;
	no = attach_error(hv_process_guest_new(env->port, &cfg, &guest, &fds));
	if (no)
		return no;
	a->fds[0] = fds.ring;
	a->fds[1] = fds.ram;
	a->fds[2] = fds.irq;
	a->fds[3] = fds.kick;
	a->fds[4] = fds.life;
	a->nr_fds = 5;
	return json_pack("{s:b, s:i}", "ok", 1, "id", (int)guest->id);
}

/* The guest a request names; NULL with *no set if there is none. */
static struct vgpu *find_guest(struct control_env *env, json_t *req, json_t **no)
{
	const char *name = json_string_value(json_object_get(req, "name"));
	struct vgpu *v = name ? gpuvm_find(env->g, name) : NULL;

	if (!v)
		*no = name ? control_refuse("no guest named %.40s", gpuvm_name_ok(name) ? name : "that") :
			     control_refuse("name is missing");
	return v;
}

static json_t *op_detach(struct control_env *env, json_t *req)
{
	json_t *no = NULL;
	struct vgpu *v = find_guest(env, req, &no);

	if (!v)
		return no;
	if (v->guest->hv == env->vm_port)
		hv_vfio_guest_drop(v->guest, "detached by the administrator");
	else if (v->guest->hv == env->xen_port)
		hv_xen_guest_drop(v->guest, "detached by the administrator");
	else if (v->guest->hv == env->pv_port)
		hv_pvback_guest_drop(v->guest, "detached by the administrator");
	else
		hv_process_guest_drop(v->guest, "detached by the administrator");
	return json_pack("{s:b}", "ok", 1);
}

/* Which domain a guest is. */
static void add_domain(const struct vgpu *v, json_t *o)
{
	struct hv_xen_domain d;

	hv_xen_guest_domain(v->guest, &d);
	json_object_set_new(o, "domid", json_integer(d.domid));
	json_object_set_new(o, "domain", json_string(d.name));
}

/* What the ports of virtual machines count, beside what the core does. */
static void add_port_counts(struct control_env *env, json_t *guests)
{
	json_t *o;
	size_t i;

	json_array_foreach(guests, i, o) {
		const struct vgpu *v = gpuvm_find(env->g, json_string_value(json_object_get(o, "name")));
		struct hv_vfio_stats s;

		if (v && v->guest->hv == env->xen_port)
			add_domain(v, o);
		if (v && v->guest->hv == env->pv_port)
			control_pv_describe(env, v->guest, o);
		if (!v || v->guest->hv != env->vm_port)
			continue;
		hv_vfio_guest_stats(v->guest, &s);
		json_object_set_new(o, "vfio_user",
				    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "messages",
					      (json_int_t)s.messages, "accesses", (json_int_t)s.accesses,
					      "bad", (json_int_t)s.bad, "irqs", (json_int_t)s.irqs, "maps",
					      (json_int_t)s.maps, "unmaps", (json_int_t)s.unmaps, "waits",
					      (json_int_t)s.waits));
	}
}

static json_t *op_status(struct control_env *env)
{
	json_t *m;

	if (metrics_json(env->g, &m))
		return control_refuse("status: out of memory");
	add_port_counts(env, json_object_get(m, "guests"));
	return json_pack("{s:b, s:o}", "ok", 1, "status", m);
}

typedef unsigned int (*text_fn)(struct control_env *, struct vgpu *, FILE *);

static unsigned int text_audit(struct control_env *env, struct vgpu *v, FILE *f)
{
	(void)v;
	return gpuvm_audit(env->g, f);
}

static unsigned int text_dump(struct control_env *env, struct vgpu *only, FILE *f)
{
	struct vgpu *v;

	if (!only)
		sched_dump(env->g->sched, f);
	list_for_each(v, &env->g->vgpus, node)
		if (!only || v == only)
			vgpu_dump(v, f);
	return 0;
}

static json_t *op_text(struct control_env *env, struct vgpu *v, text_fn fn)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	unsigned int n;
	json_t *r;

	if (!f)
		return control_refuse("out of memory");
	n = fn(env, v, f);
	fclose(f);
	r = json_pack("{s:b, s:i, s:s%}", "ok", 1, "violations", (int)n, "text", text, len);
	free(text);
	return r;
}

static json_t *op_dump(struct control_env *env, json_t *req)
{
	json_t *no = NULL;
	struct vgpu *v = NULL;

	if (json_object_get(req, "name")) {
		v = find_guest(env, req, &no);
		if (!v)
			return no;
	}
	return op_text(env, v, text_dump);
}

static json_t *dispatch(struct control_env *env, json_t *req, struct control_answer *a)
{
	const char *op = json_string_value(json_object_get(req, "op"));
	json_t *no = NULL;

	if (!op)
		return control_refuse("op is missing");
	if (!strcmp(op, "attach"))
		return op_attach(env, req, a);
	if (!strcmp(op, "detach"))
		return op_detach(env, req);
	if (!strcmp(op, "status"))
		return op_status(env);
	if (!strcmp(op, "reload"))
		return control_reload(env);
	if (!strcmp(op, "dump"))
		return op_dump(env, req);
	if (!strcmp(op, "policy"))
		return control_policy(env, req);
	if (!strcmp(op, "set")) {
		struct vgpu *v = find_guest(env, req, &no);

		return v ? control_set(v, req) : no;
	}
	if (!strcmp(op, "audit"))
		return op_text(env, NULL, text_audit);
	if (!strcmp(op, "stop")) {
		env->stop = true;
		return json_pack("{s:b}", "ok", 1);
	}
	return control_refuse("unknown op");
}

int control_handle(struct control_env *env, const char *request, struct control_answer *out)
{
	json_error_t je;
	json_t *req = json_loads(request, JSON_REJECT_DUPLICATES, &je);
	json_t *r;

	memset(out, 0, sizeof *out);
	if (!req)
		r = control_refuse("not JSON: %s", je.text);
	else if (!json_is_object(req))
		r = control_refuse("not a JSON object");
	else
		r = dispatch(env, req, out);
	json_decref(req);
	if (r) {
		out->text = json_dumps(r, JSON_COMPACT);
		json_decref(r);
	}
	if (!out->text) {
		control_answer_free(out);
		return -ENOMEM;
	}
	return 0;
}

void control_answer_free(struct control_answer *a)
{
	for (unsigned int i = 0; i < a->nr_fds; i++)
		close(a->fds[i]);
	a->nr_fds = 0;
	free(a->text);
	a->text = NULL;
}
