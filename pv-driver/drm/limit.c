// SPDX-License-Identifier: MIT
/*
 * A time limit where no mediator keeps one.  Looked at now and then, a channel
 * whose work has not moved on for too long is stopped.
 *
 * One channel a look, the one that stands longest: who waited behind it gets
 * its time anew, as the mediator's watchdog does it.
 */
#include <stdio.h>

#include "pv-driver/drm/nvdrm.h"
#include "pv-driver/drv.h"

/* How long the channel has stood, ns. */
static uint64_t stands(struct nvdrm_chan *ch, uint64_t now)
{
	uint32_t passed;

	if (drv_chan_progress(ch->chan, &passed) && ch->watched && passed == ch->passed)
		return now - ch->since;
	ch->watched = drv_chan_progress(ch->chan, &ch->passed);
	ch->since = now;
	return 0;
}

void nvdrm_limit(struct nvdrm *d, uint64_t now, uint64_t limit)
{
	struct nvdrm_chan *ch, *worst = NULL;
	struct nvdrm_client *c;
	uint64_t longest = limit;
	char why[64];

	pthread_mutex_lock(&d->lock);
	list_for_each(c, &d->clients, node) {
		list_for_each(ch, &c->chans, node) {
			uint64_t ns = stands(ch, now);

			if (ns <= longest)
				continue;
			worst = ch;
			longest = ns;
		}
	}
	if (worst) {
		snprintf(why, sizeof(why), "its work took %llu ms, the limit is %llu",
			 (unsigned long long)(longest / 1000000), (unsigned long long)(limit / 1000000));
		drv_chan_stop(worst->chan, why);
		list_for_each(c, &d->clients, node) {
			list_for_each(ch, &c->chans, node)
				ch->watched = false;
		}
	}
	pthread_mutex_unlock(&d->lock);
}
