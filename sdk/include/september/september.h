/* SPDX-License-Identifier: Apache-2.0 */
/*
 * september.h - includes every stable header of the plugin interface.
 */
#ifndef SEPTEMBER_SEPTEMBER_H
#define SEPTEMBER_SEPTEMBER_H

#include "plugin.h"
#include "call.h"
#include "tool.h"
#include "skill.h"
#include "llm.h"
#include "health.h"
#include "host-loop.h"
#include "host-http.h"
#include "host-memory.h"
#include "host-proc.h"
#include "host-secret.h"
#include "util.h"

#endif
