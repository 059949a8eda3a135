/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host-secret.h - sept.host.secret/1: credentials from the operator's
 * environment. Needs SEPT_CAP_SECRET; only names that the plugin's manifest
 * lists under "secrets" are answered.
 */
#ifndef SEPTEMBER_HOST_SECRET_H
#define SEPTEMBER_HOST_SECRET_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SEPT_HOST_SECRET "sept.host.secret/1"
struct sept_host_secret {
	uint32_t size;
	uint32_t reserved;
	/*
	 * [loop] SEPT_OK and *out (valid until destroy), SEPT_ENOTFOUND when
	 * unset or empty, SEPT_EDENIED when the manifest does not list it.
	 * Never log or emit it.
	 */
	sept_status (*get)(const struct sept_host *, const char *name,
	    struct sept_slice *out);
};

#ifdef __cplusplus
}
#endif
#endif
