/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin.h - the descriptor, the instance and the base host table.
 *
 * A plugin is a shared object that exports exactly one function,
 * september_plugin_v1(). Everything else is passed by pointer: the host
 * exports nothing.
 *
 * Rules for every struct of this interface:
 *  - it starts with `size`; whoever owns the memory sets it to sizeof, the
 *    other side never reads or writes past it (see SEPT_HAS);
 *  - it grows only at the end; only fixed-width integers, size_t, pointers
 *    and structs of these cross;
 *  - text is UTF-8 in a slice, not NUL terminated unless said otherwise;
 *  - a slice is borrowed: it lives until the function it was passed to
 *    returns, unless its comment says otherwise.
 *
 * Thread marks: [loop] on the engine's event loop thread, must return within
 * the budget (50 ms); [pool] on a worker thread, may block; [any] from any
 * thread; [static] data that never changes while the plugin is mapped.
 */
#ifndef SEPTEMBER_PLUGIN_H
#define SEPTEMBER_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The only home of these two numbers. */
#define SEPT_ABI_MAJOR 1
#define SEPT_ABI_MINOR 0

/* True when the writer of *s knew member m of type. */
#define SEPT_HAS(type, s, m) \
	((size_t)(s)->size >= \
	offsetof(type, m) + sizeof(((const type *)0)->m))

#if defined(__GNUC__)
#define SEPT_EXPORT __attribute__((visibility("default")))
#else
#define SEPT_EXPORT
#endif

/* Status codes: a closed set, one meaning each. */
typedef int32_t sept_status;
#define SEPT_OK 0
#define SEPT_EAGAIN (-1)     /* buffer full: wait, then try again */
#define SEPT_ECANCELLED (-2) /* ended because of a cancel request */
#define SEPT_EINVAL (-3)     /* the caller's argument is wrong */
#define SEPT_ENOMEM (-4)     /* out of memory */
#define SEPT_EUNAVAIL (-5)   /* not now: quiescing, overloaded, down */
#define SEPT_ETIMEOUT (-6)   /* a deadline passed */
#define SEPT_EDENIED (-7)    /* policy or capability says no */
#define SEPT_ENOTFOUND (-8)  /* no such thing */
#define SEPT_EIO (-9)        /* the system or the network failed */
#define SEPT_EFAILED (-10)   /* the operation itself failed */
#define SEPT_ENOTSUP (-11)   /* not supported by this side */
#define SEPT_ETOOBIG (-12)   /* over a stated limit */

/* Borrowed bytes. p may be NULL when n is 0. Frozen for ever. */
struct sept_slice {
	const char *p;
	size_t n;
};

/* Opaque to plugins. */
struct sept_err;     /* where a failing function puts its reason */
struct sept_call;    /* one running invocation, see call.h */
struct sept_quiesce; /* handle of a quiesce request */
struct sept_host;
struct sept_plugin;

/* Log levels of sept_host.log. */
#define SEPT_LOG_DEBUG 10
#define SEPT_LOG_INFO 20
#define SEPT_LOG_WARNING 30
#define SEPT_LOG_ERROR 40

/* Descriptor flags. */
#define SEPT_F_UNLOADABLE (1u << 0) /* may be unmapped, see the guide */
#define SEPT_F_ISOLATE (1u << 1)    /* asks to run in its own process */

/* Capabilities: what a plugin asks for. Must equal the manifest's list. */
#define SEPT_CAP_NET (UINT64_C(1) << 0)
#define SEPT_CAP_FS_READ (UINT64_C(1) << 1)
#define SEPT_CAP_FS_WRITE (UINT64_C(1) << 2)
#define SEPT_CAP_EXEC (UINT64_C(1) << 3)
#define SEPT_CAP_SECRET (UINT64_C(1) << 4)
#define SEPT_CAP_MEM_READ (UINT64_C(1) << 5)
#define SEPT_CAP_MEM_WRITE (UINT64_C(1) << 6)

/* Pointer width, width of size_t and byte order, packed into one word. */
#define SEPT_LAYOUT \
	((uint32_t)(sizeof(void *) << 16 | sizeof(size_t) << 8 | \
	SEPT_BYTE_ORDER_))
#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__) && \
	__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SEPT_BYTE_ORDER_ 2u
#else
#define SEPT_BYTE_ORDER_ 1u
#endif

/* What the DSO says of itself. [static] read-only data of the plugin. */
struct sept_desc {
	uint32_t size;
	uint16_t abi_major;  /* SEPT_ABI_MAJOR; must equal the host's */
	uint16_t abi_minor;  /* the least host minor it can live with */
	uint32_t layout;     /* SEPT_LAYOUT */
	uint32_t flags;      /* SEPT_F_* */
	uint64_t caps;       /* SEPT_CAP_* */
	const char *id;      /* reverse DNS, equals the manifest's */
	const char *version; /* the plugin's own version, semver */
	const char *const *provides;  /* extension ids, NULL terminated */
	const char *const *requires_; /* host ids needed, NULL terminated */
	/*
	 * [loop] Allocate an instance. Must not call the host, start threads
	 * or touch network or disk. On failure *out stays untouched.
	 */
	sept_status (*create)(const struct sept_host *host,
	    struct sept_plugin **out);
};

/*
 * One instance. The plugin allocates and fills it in create() and frees it
 * in destroy(). Order of calls: create, configure, start, then any number of
 * extension calls, quiesce, destroy. A failing configure or start is followed
 * by destroy.
 */
struct sept_plugin {
	uint32_t size;
	void *self; /* the plugin's own; the host does not touch it */
	/*
	 * [loop, created] Check the configuration, a JSON object. Called
	 * once; no network, no disk. Copy what you keep. May be NULL.
	 */
	sept_status (*configure)(struct sept_plugin *,
	    struct sept_slice json, struct sept_err *);
	/*
	 * [loop, configured] Ask the host for its extensions, start threads.
	 * May be NULL.
	 */
	sept_status (*start)(struct sept_plugin *, struct sept_err *);
	/*
	 * [loop, running] A request to end a call soon. The call must still
	 * be completed, with SEPT_ECANCELLED. May be NULL: then poll
	 * sept_host_call.cancelled. May come for a call whose completion is
	 * already under way on another thread; ignore it then.
	 */
	void (*cancel)(struct sept_plugin *, struct sept_call *);
	/*
	 * [loop, running] Refuse new work with SEPT_EUNAVAIL, stop timers,
	 * children and threads, then call sept_host.quiesced once. May be
	 * NULL when there is nothing to stop.
	 */
	void (*quiesce)(struct sept_plugin *, struct sept_quiesce *);
	/* [loop, not running, no call left] Free everything. */
	void (*destroy)(struct sept_plugin *);
	/*
	 * [any] The table of an extension the plugin provides, valid until
	 * destroy; NULL when it has none of that id.
	 */
	const void *(*get_ext)(struct sept_plugin *, const char *id);
};

/* What the host gives to every plugin. The host fills it; it grows at end. */
struct sept_host {
	uint32_t size;
	uint16_t abi_major, abi_minor;
	void *impl;          /* the host's own */
	const char *name;    /* NUL terminated, for logs only */
	const char *version; /* NUL terminated, for logs only */
	/*
	 * [any] The table of a host extension, valid until destroy; NULL when
	 * absent or not granted. Not before start().
	 */
	const void *(*get_ext)(const struct sept_host *, const char *id);
	/* [any] One log line; level is SEPT_LOG_*. Credentials are removed. */
	void (*log)(const struct sept_host *, int32_t level,
	    struct sept_slice msg);
	/* [same thread as the call err came with] Copies msg into err. */
	void (*fail)(struct sept_err *, sept_status, struct sept_slice msg);
	/* [any] Monotonic clock, nanoseconds. */
	uint64_t (*now_ns)(const struct sept_host *);
	/* [loop] Ends a quiesce request, exactly once. */
	void (*quiesced)(struct sept_quiesce *);
};

/*
 * The only exported symbol. Runs no code but the return; may be called more
 * than once and must return the same pointer.
 */
SEPT_EXPORT const struct sept_desc *september_plugin_v1(void);
typedef const struct sept_desc *(*sept_entry_fn)(void);
#define SEPT_ENTRY_SYMBOL "september_plugin_v1"

#ifdef __cplusplus
}
#endif
#endif
