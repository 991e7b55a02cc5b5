// SPDX-License-Identifier: MIT
/*
 * Between the folder of domains' files and the Xen port: a configured domain
 * gets its GPU by the very request that gpuvm attach would send, so the two
 * can never mean different things.
 */
#include "gpuvm/control_domains.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/control_pv.h"
#include "gpuvm/control_sched.h"
#include "gpuvm/domains.h"
#include "gpuvm/gpuvm.h"
#include "gpuvm/hv/xen.h"

static uint64_t changes(void *ctx)
{
	const struct control_env *env = ctx;

	return env->xen_port ? hv_xen_changes(env->xen_port) : 0;
}

struct visit {
	domains_fn fn;
	void *arg;
};

static void visit_one(void *arg, const struct hv_xen_domain *d)
{
	const struct visit *v = arg;

	v->fn(v->arg, d->domid, d->name);
}

static void each(void *ctx, domains_fn fn, void *arg)
{
	const struct control_env *env = ctx;
	struct visit v = { fn, arg };

	if (env->xen_port)
		hv_xen_each(env->xen_port, visit_one, &v);
}

static void put(json_t *req, const char *key, uint64_t v)
{
	if (v)
		json_object_set_new(req, key, json_integer((json_int_t)v));
}

/* NULL without memory. */
static char *request(const struct domain_conf *c, uint16_t domid)
{
	char number[8], *text;
	json_t *req;

	snprintf(number, sizeof number, "%u", domid);
	req = json_pack("{s:s, s:s, s:s, s:s}", "op", "attach", "name", c->name, "domain", number, "mode",
			vgpu_mode_name(c->mode));
	if (!req)
		return NULL;
	put(req, "vram", c->vram);
	put(req, "weight", c->weight);
	put(req, "cap", c->cap_pct);
	put(req, "latency_us", c->latency_us);
	put(req, "timeout_ms", c->timeout_ms);
	put(req, "multicall", c->multicall);
	put(req, "slot", c->slot);
	if (*c->options)
		json_object_set_new(req, "options", json_string(c->options));
	text = json_dumps(req, JSON_COMPACT);
	json_decref(req);
	return text;
}

static int ask(void *ctx, const struct domain_conf *c, uint16_t domid, char *msg, size_t n)
{
	char *text = request(c, domid);
	struct control_answer a;
	const char *why;
	json_t *r;
	int err = text ? control_handle(ctx, text, &a) : -ENOMEM;

	free(text);
	snprintf(msg, n, "%s", err ? strerror(-err) : "");
	if (err)
		return err;
	r = json_loads(a.text, 0, NULL);
	if (!json_is_true(json_object_get(r, "ok"))) {
		why = json_string_value(json_object_get(r, "error"));
		snprintf(msg, n, "%s", why ? why : "no answer");
		err = -EINVAL;
	}
	json_decref(r);
	control_answer_free(&a);
	return err;
}

/* Whether the domain has its GPU by other ways: by hand, or from an earlier daemon. */
static bool has_gpu(struct control_env *env, const char *name, uint16_t domid)
{
	const struct vgpu *v = gpuvm_find(env->g, name);
	struct hv_xen_domain d;
	json_t *o;
	bool is;

	if (!v)
		return false;
	if (v->guest->hv == env->xen_port) {
		hv_xen_guest_domain(v->guest, &d);
		return d.domid == domid;
	}
	if (!env->pv_port || v->guest->hv != env->pv_port)
		return false;
	o = json_object();
	control_pv_describe(env, v->guest, o);
	is = json_integer_value(json_object_get(o, "domid")) == domid;
	json_decref(o);
	return is;
}

static int attach(void *ctx, const struct domain_conf *c, uint16_t domid, char *msg, size_t n)
{
	if (has_gpu(ctx, c->name, domid))
		return 0;
	return ask(ctx, c, domid, msg, n);
}

static const struct domains_ops ops = { .changes = changes, .each = each, .attach = attach };

int control_domains_open(struct control_env *env, const char *dir, char *msg, size_t n)
{
	struct domains_count count;
	int err = domains_new(dir, &ops, env, env->g->log, &env->domains);

	if (err) {
		snprintf(msg, n, "%s: %s", dir, strerror(-err));
		return err;
	}
	err = domains_reload(env->domains, &count, msg, n);
	if (err)
		return err;
	log_info(env->g->log, "%u domains configured in %s%s", count.configured, dir,
		 env->xen_port ? "" : ", but this is no Xen host");
	return 0;
}

json_t *control_reload(struct control_env *env)
{
	struct domains_count count;
	char msg[600];
	int err;

	if (!env->domains)
		return control_refuse("reload: the daemon has no folder of domains (gpuvmd --domains)");
	err = domains_reload(env->domains, &count, msg, sizeof msg);
	if (err)
		return control_refuse("reload: %s", msg);
	if (count.files_wrong)
		return control_refuse("%s%s", msg, count.files_wrong > 1 ? " (and others, see the log)" : "");
	log_info(env->g->log, "read again: %u domains configured", count.configured);
	return json_pack("{s:b, s:i}", "ok", 1, "domains", (int)count.configured);
}
