// SPDX-License-Identifier: MIT
/* In place of the Xen port where its libraries were not there to build it. */
#include "gpuvm/base/log.h"
#include "gpuvm/hv/pvback_lib.h"
#include "gpuvm/hv/xen.h"

int hv_xen_open(const struct hv_up *up, void *core, const struct log *log, struct hv **out)
{
	(void)up;
	(void)core;
	(void)out;
	log_debug(log, "no guests of Xen here: built without Xen's libraries");
	return -EOPNOTSUPP;
}

/* There is no port to call these on. */
int hv_xen_guest_new(struct hv *hv, const struct hv_xen_cfg *c, struct hv_guest **out)
{
	(void)hv;
	(void)c;
	(void)out;
	return -EOPNOTSUPP;
}

void hv_xen_guest_drop(struct hv_guest *g, const char *why)
{
	(void)g;
	(void)why;
}

int hv_xen_find(struct hv *hv, const char *name_or_id, struct hv_xen_domain *out)
{
	(void)hv;
	(void)name_or_id;
	(void)out;
	return -EOPNOTSUPP;
}

void hv_xen_guest_domain(const struct hv_guest *g, struct hv_xen_domain *out)
{
	(void)g;
	*out = (struct hv_xen_domain){ 0 };
}

void hv_xen_each(struct hv *hv, void (*fn)(void *arg, const struct hv_xen_domain *), void *arg)
{
	(void)hv;
	(void)fn;
	(void)arg;
}

uint64_t hv_xen_changes(struct hv *hv)
{
	(void)hv;
	return 0;
}

void hv_xen_guest_stats(const struct hv_guest *g, struct hv_xen_stats *out)
{
	(void)g;
	*out = (struct hv_xen_stats){ 0 };
}

int pvback_lib_open(const struct log *log, struct pvback_lib **out)
{
	(void)log;
	(void)out;
	return -EOPNOTSUPP;
}
