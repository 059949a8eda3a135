/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http-requests.h - requests as bytes, with what must become of each. Where a
 * body could be run as a request of its own, it is one, for /smuggled.
 */
#ifndef T_UNIT_HTTP_REQUESTS_H
#define T_UNIT_HTTP_REQUESTS_H

#include <stddef.h>

struct raw_request {
	const char *name;
	const char *bytes;
	size_t n;
	int status; /* of the first reply; 0: none, more is waited for */
	int served; /* how many reach the handler */
};

#define R(name, bytes, status, served) \
	{ name, bytes, sizeof(bytes) - 1, status, served }
#define H "Host: a\r\n"
#define POST "POST /p HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define EVIL "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n" /* 35 bytes */

static const struct raw_request raw_requests[] = {
	/* Content-Length and Transfer-Encoding. */
	R("CL then TE", POST "Content-Length: 5\r\nTransfer-Encoding: chunked"
	    "\r\n\r\n0\r\n\r\n" EVIL, 400, 0),
	R("TE then CL", POST "Transfer-Encoding: chunked\r\nContent-Length: 5"
	    "\r\n\r\n0\r\n\r\n" EVIL, 400, 0),
	R("TE chunked, identity", POST "Transfer-Encoding: chunked, identity"
	    "\r\n\r\n0\r\n\r\n" EVIL, 400, 0),
	R("TE identity", POST "Transfer-Encoding: identity\r\n\r\n" EVIL,
	    400, 0),
	R("TE unknown", POST "Transfer-Encoding: xyz\r\n\r\n" EVIL, 400, 0),
	R("TE gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n"
	    "0\r\n\r\n", 400, 0),
	R("TE empty", POST "Transfer-Encoding:\r\n\r\n" EVIL, 400, 0),
	R("TE xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n" EVIL,
	    400, 0),
	R("TE with parameter", POST "Transfer-Encoding: chunked;a=b\r\n\r\n"
	    "0\r\n\r\n", 400, 0),
	R("TE quoted", POST "Transfer-Encoding: \"chunked\"\r\n\r\n" EVIL,
	    400, 0),
	R("TE with vertical tab", POST "Transfer-Encoding: \vchunked\r\n\r\n"
	    EVIL, 400, 0),
	R("two TE", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n0\r\n\r\n", 400, 0),
	R("TE in HTTP/1.0", "POST /p HTTP/1.0\r\n" H "Transfer-Encoding: "
	    "chunked\r\n\r\n0\r\n\r\n", 400, 0),
	R("blank before the colon of TE", POST "Transfer-Encoding : chunked"
	    "\r\n\r\n0\r\n\r\n" EVIL, 400, 0),
	R("two CL, 0 and N", POST "Content-Length: 0\r\nContent-Length: 38"
	    "\r\n\r\n" EVIL, 400, 0),
	R("two CL, N and 0", POST "Content-Length: 35\r\nContent-Length: 0"
	    "\r\n\r\n" EVIL, 400, 0),
	R("two equal CL", POST "Content-Length: 2\r\nContent-Length: 2\r\n"
	    "\r\nab", 400, 0),
	R("CL 5,5", POST "Content-Length: 5,5\r\n\r\nabcde", 400, 0),
	R("CL -5", POST "Content-Length: -5\r\n\r\n" EVIL, 400, 0),
	R("CL +5", POST "Content-Length: +5\r\n\r\nabcde", 400, 0),
	R("CL 0x5", POST "Content-Length: 0x5\r\n\r\nabcde", 400, 0),
	R("CL empty", POST "Content-Length:\r\n\r\n" EVIL, 400, 0),
	R("CL with a blank inside", POST "Content-Length: 3 8\r\n\r\n" EVIL,
	    400, 0),
	R("CL 5.0", POST "Content-Length: 5.0\r\n\r\nabcde", 400, 0),
	R("CL with letters behind", POST "Content-Length: 5abc\r\n\r\nabcde",
	    400, 0),
	R("CL with trailing blank", POST "Content-Length: 5 \r\n\r\nabcde",
	    200, 1),
	R("CL of 20 nines", POST "Content-Length: 99999999999999999999\r\n"
	    "\r\nx", 413, 0),
	R("CL of 2^64", POST "Content-Length: 18446744073709551616\r\n\r\n"
	    EVIL, 413, 0),
	R("blank before the colon of CL", POST "Content-Length : 35\r\n\r\n"
	    EVIL, 400, 0),
	R("HEAD with a body", "HEAD /p HTTP/1.1\r\n" H "Content-Length: 38"
	    "\r\n\r\n" EVIL, 400, 0),
	R("GET with a body", "GET /p HTTP/1.1\r\n" H "Content-Length: 35\r\n"
	    "\r\n" EVIL, 400, 0),
	R("GET chunked", "GET /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked"
	    "\r\n\r\n0\r\n\r\n", 400, 0),
	R("GET with CL 0", "GET /p HTTP/1.1\r\n" H "Content-Length: 0\r\n"
	    "\r\n", 200, 1),
	/* Chunks. */
	R("chunk size 0x5", CHUNKED "0x5\r\nabcde\r\n0\r\n\r\n", 400, 0),
	R("chunk size +5", CHUNKED "+5\r\nabcde\r\n0\r\n\r\n", 400, 0),
	R("chunk size -1", CHUNKED "-1\r\nabcde\r\n0\r\n\r\n", 400, 0),
	R("blank before a chunk size", CHUNKED " 5\r\nabcde\r\n0\r\n\r\n",
	    400, 0),
	R("blank behind a chunk size", CHUNKED "5 \r\nabcde\r\n0\r\n\r\n",
	    400, 0),
	R("chunk extension", CHUNKED "5;a=b\r\nabcde\r\n0\r\n\r\n", 400, 0),
	R("chunk with LF alone", CHUNKED "5\nabcde\r\n0\r\n\r\n", 400, 0),
	R("chunk data without CRLF", CHUNKED "5\r\nabcdeX0\r\n\r\n", 400, 0),
	R("chunk data too long", CHUNKED "5\r\nabcdefg\r\n0\r\n\r\n", 400,
	    0),
	R("chunk size empty", CHUNKED "\r\nabcde\r\n0\r\n\r\n", 400, 0),
	R("chunk size of 17 digits", CHUNKED "00000000000000005\r\nabcde"
	    "\r\n0\r\n\r\n", 400, 0),
	R("chunk size of 9 digits", CHUNKED "000000005\r\nabcde\r\n0\r\n\r\n",
	    400, 0),
	R("chunk size over the limit", CHUNKED "ffffffff\r\nabcde", 413, 0),
	R("trailer", CHUNKED "5\r\nabcde\r\n0\r\nHost: b\r\n\r\n", 400, 0),
	R("last chunk with LF alone", CHUNKED "5\r\nabcde\r\n0\n\n", 400, 0),
	/* Header lines. */
	R("NUL in a value", "GET /p HTTP/1.1\r\n" H "X: admin\0zzz\r\n\r\n",
	    400, 0),
	R("NUL in a name", "GET /p HTTP/1.1\r\n" H "X\0Y: 1\r\n\r\n", 400, 0),
	R("control byte in a value", "GET /p HTTP/1.1\r\n" H "X: a\x01\r\n"
	    "\r\n", 400, 0),
	R("CR in a value", "GET /p HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n", 400,
	    0),
	R("folded line", "GET /p HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400,
	    0),
	R("folded CL", POST "Content-Length:\r\n 35\r\n\r\n" EVIL, 400, 0),
	R("folded first header", "GET /p HTTP/1.1\r\n Host: a\r\n\r\n", 400,
	    0),
	R("bare LF lines", "GET /p HTTP/1.1\nHost: a\n\n", 400, 0),
	R("one bare LF", "GET /p HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400, 0),
	R("head ended by LF LF", "GET /p HTTP/1.1\r\nHost: a\n\n", 400, 0),
	R("empty header name", "GET /p HTTP/1.1\r\n" H ": x\r\n\r\n", 400,
	    0),
	R("blank in a header name", "GET /p HTTP/1.1\r\n" H "X Y: x\r\n\r\n",
	    400, 0),
	R("line without colon", "GET /p HTTP/1.1\r\n" H "nonsense\r\n\r\n",
	    400, 0),
	R("two Host", "GET /p HTTP/1.1\r\n" H "Host: b\r\n\r\n", 400, 0),
	R("no Host", "GET /p HTTP/1.1\r\nX: y\r\n\r\n", 400, 0),
	R("empty Host", "GET /p HTTP/1.1\r\nHost:\r\n\r\n", 400, 0),
	R("Host with a path", "GET /p HTTP/1.1\r\nHost: a/b\r\n\r\n", 400,
	    0),
	R("Host with user", "GET /p HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, 0),
	R("unknown Expect", POST "Content-Length: 1\r\nExpect: cake\r\n\r\n"
	    "a", 417, 0),
	/* Request lines. */
	R("two blanks", "GET  /p HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("blank in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("tab in the request line", "GET\t/p HTTP/1.1\r\n" H "\r\n", 400,
	    0),
	R("trailing blank", "GET /p HTTP/1.1 \r\n" H "\r\n", 400, 0),
	R("byte 0x80 in the target", "GET /\x80 HTTP/1.1\r\n" H "\r\n", 400,
	    0),
	R("%00 in the target", "GET /a%00b HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("broken percent", "GET /a%2 HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("percent at the end", "GET /a% HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("target without slash", "GET p HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("absolute form", "GET http://a/p HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("GET *", "GET * HTTP/1.1\r\n" H "\r\n", 400, 0),
	R("HTTP/1.9", "GET /p HTTP/1.9\r\n" H "\r\n", 505, 0),
	R("HTTP/2.0", "GET /p HTTP/2.0\r\n" H "\r\n", 505, 0),
	R("HTTP/0.9", "GET /p\r\n\r\n", 400, 0),
	R("http/1.1 in small letters", "GET /p http/1.1\r\n" H "\r\n", 400,
	    0),
	R("HTTP/1.10", "GET /p HTTP/1.10\r\n" H "\r\n", 400, 0),
	R("TRACE", "TRACE /p HTTP/1.1\r\n" H "\r\n", 501, 0),
	R("CONNECT", "CONNECT a:80 HTTP/1.1\r\n" H "\r\n", 501, 0),
	R("unknown method", "BREW /p HTTP/1.1\r\n" H "\r\n", 501, 0),
	R("method in small letters", "get /p HTTP/1.1\r\n" H "\r\n", 501, 0),
	R("h2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, 0),
	R("TLS hello", "\x16\x03\x01\x02\x00\x01\x00", 400, 0),
	R("NUL first", "\0GET /p HTTP/1.1\r\n" H "\r\n", 400, 0),
	/* Good ones. */
	R("plain GET", "GET /p HTTP/1.1\r\n" H "\r\n", 200, 1),
	R("plain POST", POST "Content-Length: 5\r\n\r\nabcde", 200, 1),
	R("POST without a body", POST "\r\n", 200, 1),
	R("chunked POST", CHUNKED "5\r\nabcde\r\nA\r\n0123456789\r\n0\r\n"
	    "\r\n", 200, 1),
	R("chunked, size with zeros", CHUNKED "00000005\r\nabcde\r\n00\r\n"
	    "\r\n", 200, 1),
	R("TE in capitals", POST "TRANSFER-ENCODING: Chunked\r\n\r\n1\r\na"
	    "\r\n0\r\n\r\n", 200, 1),
	R("PUT", "PUT /p HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na", 200,
	    1),
	R("PATCH", "PATCH /p HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na",
	    200, 1),
	R("DELETE with a body", "DELETE /p HTTP/1.1\r\n" H "Content-Length: "
	    "35\r\n\r\n" EVIL, 200, 1),
	R("OPTIONS with a body", "OPTIONS /p HTTP/1.1\r\n" H
	    "Content-Length: 35\r\n\r\n" EVIL, 200, 1),
	R("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 200, 1),
	R("HEAD", "HEAD /p HTTP/1.1\r\n" H "\r\n", 200, 1),
	R("HTTP/1.0 without Host", "GET /p HTTP/1.0\r\n\r\n", 200, 1),
	R("Host with a port", "GET /p HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	    200, 1),
	R("obs-text in a value", "GET /p HTTP/1.1\r\n" H "X: \xc3\xa9\r\n"
	    "\r\n", 200, 1),
	R("empty line first", "\r\nGET /p HTTP/1.1\r\n" H "\r\n", 200, 1),
	R("two in one write", "GET /p HTTP/1.1\r\n" H "\r\nGET /q HTTP/1.1"
	    "\r\n" H "\r\n", 200, 2),
	R("POST and GET in one write", POST "Content-Length: 5\r\n\r\nabcde"
	    "GET /q HTTP/1.1\r\n" H "\r\n", 200, 2),
	R("chunked and GET in one write", CHUNKED "1\r\na\r\n0\r\n\r\n"
	    "GET /q HTTP/1.1\r\n" H "\r\n", 200, 2),
	R("a good and a bad one", "GET /p HTTP/1.1\r\n" H "\r\nGET /smuggled"
	    " HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 200, 1),
	R("slashes", "GET //h/p HTTP/1.1\r\n" H "\r\n", 200, 1),
	R("colon in the first segment", "GET /a:b@c:99/p HTTP/1.1\r\n" H
	    "\r\n", 200, 1),
	/* Not complete. */
	R("half a head", "GET /p HTTP/1.1\r\nHost: a\r\n", 0, 0),
	R("half a body", POST "Content-Length: 5\r\n\r\nabc", 0, 0),
	R("half a chunk", CHUNKED "5\r\nabc", 0, 0),
	R("no last CRLF", CHUNKED "0\r\n", 0, 0)
};

#undef R
#undef H
#undef POST
#undef CHUNKED
#undef EVIL

#define RAW_REQUESTS (sizeof raw_requests / sizeof raw_requests[0])

#endif
