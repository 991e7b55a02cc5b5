// SPDX-License-Identifier: MIT
/*
 * What can be changed at run time: the policy, and one guest's weight, cap,
 * latency class, time limit and shadowing options.  A request is read whole before anything changes.
 */
#include "gpuvm/control_sched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpuvm/gpuvm.h"
#include "gpuvm/submit.h"
#include "gpuvm/units.h"

#define TIMEOUT_MAX_MS 3600000u

json_t *control_policy(struct control_env *env, json_t *req)
{
	const json_t *spec = json_object_get(req, "policy");
	struct gpuvm *g = env->g;
	struct sched_choice c;
	char msg[400], params[256];
	int r;

	if (spec) {
		if (!json_is_string(spec))
			return control_refuse("policy: must be a string");
		if (sched_choice_open(json_string_value(spec), &c, msg, sizeof msg))
			return control_refuse("%s", msg);
		r = sched_use(g->sched, &c, dev_now(g->dev));
		sched_choice_close(&c);
		if (r)
			return control_refuse("policy: the old one stays: %s", strerror(-r));
		log_info(g->log, "scheduling policy %s", g->sched->policy->name);
		submit_pump(g, dev_now(g->dev));
	}
	sched_print_params(g->sched, params, sizeof params);
	return json_pack("{s:b, s:s, s:s, s:s}", "ok", 1, "policy", g->sched->policy->name, "params",
			 params, "help", g->sched->policy->help ? g->sched->policy->help : "");
}

static int get_number(const char *s, uint32_t min, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long v;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	v = strtoul(s, &end, 10);
	if (*end || v < min || v > max)
		return -EINVAL;
	*out = (uint32_t)v;
	return 0;
}

/* A time as users write it, in whole units of `unit` ns. */
static int get_time(const char *s, uint64_t unit, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t ns;

	if (sched_parse_time(s, &ns) || ns / unit < min || ns / unit > max)
		return -EINVAL;
	*out = (uint32_t)(ns / unit);
	return 0;
}

/* What can be set, as it is to be. */
struct settings {
	struct sched_ent_cfg cfg;
	uint32_t timeout_ms, shadow_opts;
};

/* NULL when the setting is sound and taken into *to; else the refusal. */
static json_t *take(const struct vgpu *v, const char *key, const char *val, struct settings *to)
{
	struct sched_ent_cfg *cfg = &to->cfg;

	if (!strcmp(key, "weight"))
		return get_number(val, 1, SCHED_WEIGHT_MAX, &cfg->weight) ?
			       control_refuse("weight=%.40s: not 1 to %d", val, SCHED_WEIGHT_MAX) : NULL;
	if (!strcmp(key, "cap"))
		return get_number(val, 0, 100, &cfg->cap_pct) ?
			       control_refuse("cap=%.40s: not 0 (no cap) to 100 percent", val) : NULL;
	if (!strcmp(key, "budget"))
		return get_number(val, 1, 100, &cfg->budget_pct) ?
			       control_refuse("budget=%.40s: not 1 to 100 percent", val) : NULL;
	if (!strcmp(key, "latency"))
		return get_time(val, 1000, 0, SCHED_LATENCY_MAX_US, &cfg->latency_us) ?
			       control_refuse("latency=%.40s: not 0 (none) or a time up to 10s, as 1ms", val) :
			       NULL;
	if (!strcmp(key, "timeout"))
		return get_time(val, 1000000, 1, TIMEOUT_MAX_MS, &to->timeout_ms) ?
			       control_refuse("timeout=%.40s: not a time from 1ms to 1h", val) : NULL;
	if (!strcmp(key, "options") && v->cfg.mode != VGPU_FULL)
		return control_refuse("options=%.40s: guest %s is not in mode full", val, v->name);
	if (!strcmp(key, "options"))
		return shadow_opts_parse(val, &to->shadow_opts) ?
			       control_refuse("options=%.40s: not none, optimized, best, or a list of "
					      "keep, lazy, track, bar-remap", val) :
			       NULL;
	return control_refuse("'%.40s' cannot be set: weight, cap, latency, budget, timeout, options can",
			      key);
}

json_t *control_set(struct vgpu *v, json_t *req)
{
	json_t *set = json_object_get(req, "set"), *val, *no;
	struct settings to = { .timeout_ms = v->cfg.timeout_ms, .shadow_opts = v->cfg.shadow_opts };
	const char *key;
	uint32_t old;
	int err = 0;

	if (!v->ent)
		return control_refuse("guest %s has the whole card: nothing is scheduled", v->name);
	if (!json_is_object(set) || !json_object_size(set))
		return control_refuse("nothing to set");
	to.cfg = (struct sched_ent_cfg){ .weight = v->ent->weight,
					 .cap_pct = v->ent->cap_pct,
					 .latency_us = v->ent->latency_us,
					 .budget_pct = v->ent->budget_pct };
	json_object_foreach(set, key, val) {
		if (!json_is_string(val))
			return control_refuse("set: '%.40s' must be a string", key);
		no = take(v, key, json_string_value(val), &to);
		if (no)
			return no;
	}
	old = v->cfg.shadow_opts;
	if (to.shadow_opts != old)
		err = vgpu_set_opts(v, to.shadow_opts);
	if (err == -EOPNOTSUPP)
		return control_refuse("options: guest %s cannot have bar-remap: its hypervisor or the device "
				      "has no such memory", v->name);
	if (!err) {
		err = sched_ent_tune(v->ent, &to.cfg, dev_now(v->g->dev));
		if (err)
			vgpu_set_opts(v, old);
	}
	if (err)
		return control_refuse("set: nothing changed: %s", strerror(-err));
	v->cfg.timeout_ms = to.timeout_ms;
	submit_pump(v->g, dev_now(v->g->dev));
	return json_pack("{s:b}", "ok", 1);
}
