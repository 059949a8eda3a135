/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-memory.h - sept.host.memory/1: what the engine remembers.
 *
 * Needs SEPT_CAP_MEM_READ for operations that look and SEPT_CAP_MEM_WRITE for
 * those that change. Operations and their parameters, a JSON object:
 *
 *   recall {"query","limit"}  facts, people and episodes at once ->
 *       {"items":[{"kind","id","text","score"}]}
 *   knowledge.search, episodes.search, social.search
 *       {"query","limit","as_of","filter"} -> array of items, best first
 *   knowledge.write, episodes.write, social.write
 *       an item, or {"items":[...]} -> {"ids":[...]}
 *   knowledge.update, ... {"id", members} -> the item
 *   knowledge.delete, ... {"id"} -> {"status","id"}
 */
#ifndef SEPTEMBER_HOST_MEMORY_H
#define SEPTEMBER_HOST_MEMORY_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SEPT_HOST_MEMORY "sept.host.memory/1"
struct sept_host_memory {
	uint32_t size;
	uint32_t reserved;
	/*
	 * [loop] Begins an operation. With SEPT_OK done comes once, on the
	 * loop and later: SEPT_OK and the reply, or a status and
	 * {"error","message"} (empty when out of memory); json is borrowed.
	 * SEPT_EDENIED: the capability is missing; SEPT_ENOTFOUND: no such
	 * operation; SEPT_EINVAL: params is no JSON object.
	 */
	sept_status (*call)(const struct sept_host *, struct sept_slice op,
	    struct sept_slice params, void (*done)(void *arg, sept_status,
	    struct sept_slice json), void *arg);
};

#ifdef __cplusplus
}
#endif
#endif
