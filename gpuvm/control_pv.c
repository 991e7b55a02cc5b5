// SPDX-License-Identifier: MIT
/*
 * Domains of Xen in modes naive-pv and hp-pv.
 *
 * What was asked for is kept in xenstore as the request itself, with the
 * domain's number in place of its name; a daemon that starts carries out what
 * it finds there as if it had been asked now.
 */
#include "gpuvm/control_pv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/base/log.h"
#include "gpuvm/control_ops.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/pvback.h"
#include "gpuvm/hv/xen.h"
#include "pv-driver/hp_abi.h"
#include "pv-driver/proc_abi.h"
#include "pv-driver/pv_abi.h"

static json_t *refuse(const char *why)
{
	char line[160];

	snprintf(line, sizeof line, "attach: %s", why);
	return json_pack("{s:b, s:s}", "ok", 0, "error", line);
}

static const char *why(int err)
{
	switch (err) {
	case -ENOSPC: return "no room for another guest";
	case -EEXIST: return "the domain has a GPU";
	case -EBUSY: return "one guest has the whole card";
	default: return strerror(-err);
	}
}

/* What of a GPU the mode shows. */
static void bars(const struct vgpu_cfg *c, uint64_t len[6])
{
	len[1] = GF100_BAR1_LEN;
	if (c->mode == VGPU_HP_PV) {
		len[PROC_BAR_PV] = HP_PAGE_LEN;
		return;
	}
	len[0] = GF100_BAR0_LEN;
	len[3] = GF100_BAR3_LEN;
	len[PROC_BAR_PV] = PV_PAGE_LEN;
}

static void mode_text(const struct vgpu_cfg *c, char *buf, size_t n)
{
	if (c->mode == VGPU_HP_PV)
		snprintf(buf, n, "hp-pv");
	else if (!c->pv_ops)
		snprintf(buf, n, "naive-pv");
	else if (c->pv_ops == UINT32_MAX)
		snprintf(buf, n, "naive-pv,multicall");
	else
		snprintf(buf, n, "naive-pv,multicall=%" PRIu32, c->pv_ops);
}

static char *keep_text(json_t *req, uint16_t domid)
{
	json_t *copy = json_copy(req);
	char number[8], *text;

	snprintf(number, sizeof number, "%u", domid);
	if (!copy || json_object_set_new(copy, "domain", json_string(number))) {
		json_decref(copy);
		return NULL;
	}
	text = json_dumps(copy, JSON_COMPACT);
	json_decref(copy);
	return text;
}

json_t *control_pv_attach(struct control_env *env, json_t *req, const char *name, uint16_t domid,
			  const struct vgpu_cfg *vgpu)
{
	char mode[40], *keep = keep_text(req, domid);
	struct hv_pvback_cfg c = {
		.name = name, .domid = domid, .mode = mode, .keep = keep, .cfg = vgpu
	};
	struct hv_guest *guest;
	int err;

	if (!keep)
		return refuse("out of memory");
	bars(vgpu, c.bar_len);
	mode_text(vgpu, mode, sizeof mode);
	err = env->pv_port ? hv_pvback_guest_new(env->pv_port, &c, &guest) : -EOPNOTSUPP;
	free(keep);
	if (err == -EOPNOTSUPP)
		return refuse("this daemon maps no grants: xen_gntdev is missing, or built without it");
	if (err)
		return refuse(why(err));
	return json_pack("{s:b, s:i, s:i}", "ok", 1, "id", (int)guest->id, "domid", (int)domid);
}

static void again(struct control_env *env, const char *request)
{
	const struct log *log = env->pv_port->log;
	struct control_answer a;
	json_t *r;

	if (control_handle(env, request, &a))
		return;
	r = json_loads(a.text, 0, NULL);
	if (json_is_true(json_object_get(r, "ok")))
		log_info(log, "attached again: domain %d", (int)json_integer_value(json_object_get(r, "domid")));
	else
		log_warn(log, "not attached again: %s",
			 json_string_value(json_object_get(r, "error")));
	json_decref(r);
	control_answer_free(&a);
}

void control_pv_again(struct control_env *env)
{
	unsigned int at = 0;
	char *request;

	if (!env->pv_port)
		return;
	while ((request = hv_pvback_kept(env->pv_port, &at))) {
		again(env, request);
		free(request);
	}
}

void control_pv_describe(struct control_env *env, const struct hv_guest *g, json_t *into)
{
	struct hv_pvback_stats s;
	struct hv_xen_domain d;
	char number[8];

	hv_pvback_guest_stats(g, &s);
	snprintf(number, sizeof number, "%u", s.domid);
	json_object_set_new(into, "domid", json_integer(s.domid));
	if (env->xen_port && !hv_xen_find(env->xen_port, number, &d))
		json_object_set_new(into, "domain", json_string(d.name));
	json_object_set_new(into, "xen_pv",
			    json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "connected",
				      s.connected, "connections", (json_int_t)s.connections, "refused",
				      (json_int_t)s.refused, "accesses", (json_int_t)s.accesses, "bad",
				      (json_int_t)s.bad, "events", (json_int_t)s.events, "notifies",
				      (json_int_t)s.notifies, "granted_pages", (json_int_t)s.granted));
}
