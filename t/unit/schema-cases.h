/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema-cases.h - schemas with values that fit and values that do not. A
 * single quote stands for a double one; values are separated by semicolons,
 * which no value here holds.
 */
#ifndef T_UNIT_SCHEMA_CASES_H
#define T_UNIT_SCHEMA_CASES_H

#define D7 "'$schema':'http://json-schema.org/draft-07/schema#'"
#define D20 "'$schema':'https://json-schema.org/draft/2020-12/schema'"

static const struct {
	const char *schema, *good, *bad;
} cases[] = {
	/* whole schemas */
	{ "true", "1;null;{};[]", "" },
	{ "false", "", "1;null;{}" },
	{ "{}", "1;'x';null", "" },
	{ "{'title':'t','x-unknown':5,'format':'email'}", "'no mail';1", "" },
	/* type */
	{ "{'type':'null'}", "null", "0;'';false;[];{}" },
	{ "{'type':'boolean'}", "true;false", "0;'true';null" },
	{ "{'type':'integer'}", "1;-5;1.0;1e3;0", "1.5;'1';null;true" },
	{ "{'type':'number'}", "1;1.5;-0.0;1e300", "'1';null;[]" },
	{ "{'type':'string'}", "'';'x'", "1;null;['x']" },
	{ "{'type':'array'}", "[];[1]", "{};'[]'" },
	{ "{'type':'object'}", "{};{'a':1}", "[];'{}';null" },
	{ "{'type':['string','null']}", "'a';null", "1;{};false" },
	{ "{'type':['integer','array']}", "7;[];7.0", "7.5;{}" },
	/* enum and const */
	{ "{'enum':[1,'a',null,{'k':[1,2]}]}", "1;1.0;'a';null;{'k':[1,2.0]}",
	    "2;'A';false;{'k':[2,1]};{}" },
	{ "{'enum':[]}", "", "1;null" },
	{ "{'enum':[false]}", "false", "0;'';null" },
	{ "{'enum':[[0]]}", "[0];[0.0]", "[false];0" },
	{ "{'const':5}", "5;5.0", "6;'5'" },
	{ "{'const':{'a':1,'b':2}}", "{'b':2,'a':1}",
	    "{'a':1};{'a':1,'b':3}" },
	{ "{'const':null}", "null", "0;false;''" },
	{ "{'const':0}", "0;-0.0", "false;''" },
	{ "{'const':9007199254740993}", "9007199254740993",
	    "9007199254740992;9007199254740992.0" },
	{ "{'const':'\\u00e9'}", "'\xc3\xa9'", "'e'" },
	/* numbers */
	{ "{'minimum':3}", "3;3.0;4;'x';null", "2;2.999;-9" },
	{ "{'maximum':3}", "3;2;-1e9;'x'", "4;3.0001" },
	{ "{'minimum':-1.5}", "-1.5;0", "-2;-1.6" },
	{ "{'exclusiveMinimum':3}", "3.1;4", "3;3.0;2" },
	{ "{'exclusiveMaximum':3}", "2.9;0", "3;3.0;4" },
	{ "{'minimum':9223372036854775807}", "9223372036854775807;1e19",
	    "9223372036854775806;9e18" },
	{ "{'maximum':-9223372036854775808}", "-9223372036854775808;-1e19",
	    "-9223372036854775807;0" },
	{ "{'maximum':0.5}", "0;0.5;-1", "1;0.51" },
	{ "{'multipleOf':2}", "0;4;-6;4.0;'x'", "1;3.5;-3" },
	{ "{'multipleOf':0.01}", "0.01;4.02;19.99;-1.11;7", "0.015;1.234" },
	{ "{'multipleOf':0.0001}", "0.0075", "0.00751" },
	{ "{'multipleOf':1.5}", "0;4.5;3", "4;2.5" },
	{ "{'multipleOf':0.5}", "1e308;2.5", "0.3" },
	{ "{'type':'integer','multipleOf':0.123456789}", "", "1e308" },
	/* strings */
	{ "{'minLength':2}", "'ab';'\xc3\xa9\xc3\xa9';3;null",
	    "'a';'';'\xf0\x9f\x98\x80'" },
	{ "{'maxLength':2}", "'ab';'\xf0\x9f\x98\x80\xf0\x9f\x98\x80';[1,2,3]",
	    "'abc';'\xc3\xa9\xc3\xa9\xc3\xa9'" },
	{ "{'minLength':2.0}", "'ab'", "'a'" },
	{ "{'maxLength':0}", "''", "'a'" },
	{ "{'pattern':'^a+$'}", "'a';'aaa';5", "'';'ab';'ba'" },
	{ "{'pattern':'b'}", "'abc';'b'", "'ac';''" },
	{ "{'pattern':''}", "'';'x'", "" },
	/* arrays */
	{ "{'minItems':1}", "[1];'';{}", "[]" },
	{ "{'maxItems':2}", "[];[1,2];'abc'", "[1,2,3]" },
	{ "{'items':{'type':'integer'}}", "[];[1,2.0];{}", "['x'];[1,null]" },
	{ "{'items':false}", "[]", "[1]" },
	{ "{'items':true}", "[];[1,'x']", "" },
	{ "{'prefixItems':[{'type':'integer'},{'type':'string'}]}",
	    "[];[1];[1,'a'];[1,'a',null]", "['a'];[1,2]" },
	{ "{'prefixItems':[{'type':'integer'}],'items':{'type':'string'}}",
	    "[];[1];[1,'a','b']", "[1,2];['a'];[1,'a',3]" },
	{ "{'prefixItems':[true,true],'items':false}", "[];[1,2]",
	    "[1,2,3]" },
	{ "{" D7 ",'items':[{'type':'integer'},{'type':'string'}]}",
	    "[];[1];[1,'a',null]", "['a'];[1,2]" },
	{ "{" D7 ",'items':[{'type':'integer'}],'additionalItems':false}",
	    "[];[1]", "[1,2];['a']" },
	{ "{" D7 ",'items':[{}],'additionalItems':{'type':'string'}}",
	    "[1];[1,'a']", "[1,2]" },
	{ "{" D7 ",'items':{'type':'integer'},'additionalItems':false}",
	    "[1,2]", "['a']" },
	{ "{" D7 ",'additionalItems':false}", "[1,2]", "" },
	{ "{'items':[],'additionalItems':{'type':'string'}}", "['a']", "[1]" },
	{ "{'contains':{'type':'string'}}", "['a'];[1,'a'];{}", "[];[1]" },
	{ "{'contains':{'minimum':5},'minContains':2}", "[5,6];[1,5,7]",
	    "[5];[];[1,2]" },
	{ "{'contains':{'minimum':5},'maxContains':1}", "[5];[1,5]",
	    "[5,6];[]" },
	{ "{'contains':{'const':1},'minContains':0}", "[];[2]", "" },
	{ "{'contains':{'const':1},'minContains':0,'maxContains':1}",
	    "[];[1]", "[1,1.0]" },
	{ "{'minContains':2,'maxContains':1}", "[];[1,2,3]", "" },
	{ "{'contains':false}", "1", "[];[1]" },
	{ "{'uniqueItems':true}", "[];[1];[1,2];[1,true];[0,false];['1',1];"
	    "[[1],[2]];[{'a':1},{'a':2}];'aa'",
	    "[1,1];[1,1.0];['a','a'];[null,null];[[1],[1.0]];"
	    "[{'a':1,'b':2},{'b':2,'a':1}];[0.0,-0.0];[1,2,3,1]" },
	{ "{'uniqueItems':false}", "[1,1]", "" },
	/* objects */
	{ "{'minProperties':1}", "{'a':1};[];''", "{}" },
	{ "{'maxProperties':1}", "{};{'a':1};[1,2]", "{'a':1,'b':2}" },
	{ "{'required':['a','b']}", "{'a':1,'b':null};[];1",
	    "{};{'a':1};{'b':1}" },
	{ "{'required':[]}", "{}", "" },
	{ "{'properties':{'a':{'type':'integer'},'b':{'type':'string'}}}",
	    "{};{'a':1};{'a':1,'b':'x','c':null};[]",
	    "{'a':'x'};{'a':1,'b':2}" },
	{ "{'properties':{'a':false}}", "{'b':1}", "{'a':1}" },
	{ "{'properties':{'a':{}},'additionalProperties':false}",
	    "{};{'a':1};1", "{'b':1};{'a':1,'b':1}" },
	{ "{'additionalProperties':{'type':'integer'}}", "{};{'a':1}",
	    "{'a':'x'}" },
	{ "{'patternProperties':{'^x-':{'type':'string'},'n$':"
	    "{'type':['integer','string']}}}",
	    "{};{'x-a':'s'};{'an':1};{'x-n':'s'};{'q':null}",
	    "{'x-a':1};{'an':null};{'x-n':1}" },
	{ "{'properties':{'a':{}},'patternProperties':{'^x-':{}},"
	    "'additionalProperties':false}", "{'a':1,'x-1':2}",
	    "{'b':1};{'ax-':1}" },
	{ "{'patternProperties':{'^v':{}},'additionalProperties':"
	    "{'type':'boolean'}}", "{'v':1,'o':true}", "{'o':1}" },
	{ "{'propertyNames':{'maxLength':3}}", "{'abc':1};{};[]",
	    "{'abcd':1}" },
	{ "{'propertyNames':{'pattern':'^[a-z]+$'}}", "{'ab':1}", "{'A':1}" },
	{ "{'propertyNames':false}", "{}", "{'a':1}" },
	{ "{'propertyNames':{'enum':['a','b']}}", "{'a':1}", "{'c':1}" },
	{ "{'dependentRequired':{'a':['b','c']}}",
	    "{};{'b':1};{'a':1,'b':1,'c':1};[]", "{'a':1};{'a':1,'b':1}" },
	{ "{'dependentSchemas':{'a':{'required':['b']}}}",
	    "{};{'b':1};{'a':1,'b':1}", "{'a':1}" },
	{ "{'dependentSchemas':{'a':false}}", "{}", "{'a':1}" },
	{ "{" D7 ",'dependencies':{'a':['b'],'c':{'required':['d']}}}",
	    "{};{'a':1,'b':1};{'c':1,'d':1}", "{'a':1};{'c':1}" },
	{ "{'properties':{'a':{'properties':{'b':{'type':'integer'}}}}}",
	    "{'a':{'b':1}};{'a':1}", "{'a':{'b':'x'}}" },
	/* combinators */
	{ "{'allOf':[{'type':'integer'},{'minimum':3}]}", "3;4", "2;'x'" },
	{ "{'allOf':[true,false]}", "", "1" },
	{ "{'anyOf':[{'type':'integer'},{'minLength':2}]}", "1;'ab';1.5",
	    "'a'" },
	{ "{'anyOf':[{'type':'string'},{'type':'null'}]}", "'a';null", "1" },
	{ "{'anyOf':[true,false]}", "1", "" },
	{ "{'anyOf':[false,false]}", "", "1" },
	{ "{'oneOf':[{'type':'integer'},{'minimum':2}]}", "1;2.5",
	    "3;1.5" },
	{ "{'oneOf':[{'required':['a']},{'required':['b']}]}",
	    "{'a':1};{'b':1}", "{};{'a':1,'b':1}" },
	{ "{'oneOf':[true,true]}", "", "1" },
	{ "{'oneOf':[true,false,false]}", "1", "" },
	{ "{'not':{'type':'integer'}}", "'x';1.5", "1;1.0" },
	{ "{'not':{}}", "", "1;null" },
	{ "{'not':false}", "1", "" },
	{ "{'not':{'not':{'type':'string'}}}", "'a'", "1" },
	{ "{'if':{'type':'integer'},'then':{'minimum':3},'else':"
	    "{'type':'string'}}", "3;'x'", "2;null" },
	{ "{'if':{'minimum':3},'then':{'multipleOf':2}}", "4;1;'x'", "5" },
	{ "{'if':{'minimum':3},'else':{'const':0}}", "4;0;'x'", "1" },
	{ "{'if':false,'then':false}", "1", "" },
	{ "{'then':false,'else':false}", "1", "" },
	/* $ref */
	{ "{'$defs':{'n':{'type':'integer'}},'items':{'$ref':'#/$defs/n'}}",
	    "[1]", "['x']" },
	{ "{'definitions':{'n':{'minimum':1}},'properties':{'a':{'$ref':"
	    "'#/definitions/n'}}}", "{'a':1}", "{'a':0}" },
	{ "{'properties':{'a':{'$ref':'#'}},'additionalProperties':false}",
	    "{'a':{'a':{}}}", "{'a':{'b':1}}" },
	{ "{'$ref':'#/$defs/a','$defs':{'a':{'$ref':'#/$defs/b'},'b':"
	    "{'type':'null'}}}", "null", "1" },
	{ "{'properties':{'a':{'type':'integer'},'b':{'$ref':"
	    "'#/properties/a'}}}", "{'b':1}", "{'b':'x'}" },
	{ "{'$ref':'#/$defs/a~1b%25~0c','$defs':{'a/b%~c':{'const':1}}}",
	    "1", "2" },
	{ "{'$ref':'#/$defs/a','maximum':5,'$defs':{'a':{'minimum':1}}}",
	    "3", "0;9" },
	{ "{" D7 ",'properties':{'a':{'$ref':'#/definitions/s','maxLength':"
	    "1}},'definitions':{'s':{'type':'string'}}}", "{'a':'long'}",
	    "{'a':1}" },
	{ "{'properties':{'$ref':{'type':'string'}}}", "{'$ref':'a'}",
	    "{'$ref':1}" },
	{ "{'$ref':'#here','$defs':{'x':{'$anchor':'here','const':1}}}",
	    "1", "2" },
	{ "{" D7 ",'allOf':[{'$ref':'#here'}],'definitions':{'x':{'$id':"
	    "'#here','const':1}}}", "1", "2" },
	{ "{'$id':'http://x.test/root.json','$defs':{'a':{'$id':'item.json',"
	    "'type':'integer'}},'items':{'$ref':'item.json'}}", "[1]",
	    "['a']" },
	{ "{'$id':'http://x.test/d/root.json','$defs':{'a':{'$id':'/i',"
	    "'$defs':{'q':{'const':3}},'$ref':'#/$defs/q'}},'$ref':"
	    "'http://x.test/i'}", "3", "4" },
	{ "{'$id':'http://x.test/root.json','$ref':"
	    "'http://x.test/root.json#/$defs/a','$defs':{'a':{'const':1}}}",
	    "1", "2" },
	{ "{'$id':'urn:x:y','$ref':'urn:x:y#/$defs/a','$defs':{'a':"
	    "{'const':1}}}", "1", "2" },
	{ "{'x-parts':[{'const':1}],'$ref':'#/x-parts/0'}", "1", "2" },
	{ "{'$ref':'#/$defs/t','$defs':{'t':true}}", "1", "" },
	{ "{'type':'object','properties':{'next':{'$ref':'#'},'v':{'type':"
	    "'integer'}},'required':['v']}", "{'v':1,'next':{'v':2}}",
	    "{'v':1,'next':{}};{'v':1,'next':{'v':1,'next':1}}" },
	/* unevaluated* */
	{ "{'properties':{'a':{}},'unevaluatedProperties':false}",
	    "{'a':1};{}", "{'b':1}" },
	{ "{'allOf':[{'properties':{'a':{}}}],'unevaluatedProperties':false}",
	    "{'a':1}", "{'a':1,'b':1}" },
	{ "{'anyOf':[{'properties':{'a':{'const':1}},'required':['a']},"
	    "{'properties':{'b':{}}}],'unevaluatedProperties':false}",
	    "{'a':1,'b':1};{'b':1}", "{'a':2};{'c':1}" },
	{ "{'if':{'properties':{'k':{'const':'x'}},'required':['k']},'then':"
	    "{'properties':{'p':{}}},'else':{'properties':{'q':{}}},"
	    "'unevaluatedProperties':false}", "{'k':'x','p':1};{'q':1}",
	    "{'k':'x','q':1};{'p':1};{'k':'y'}" },
	{ "{'$ref':'#/$defs/b','properties':{'a':{}},"
	    "'unevaluatedProperties':false,'$defs':{'b':{'properties':"
	    "{'b':{}}}}}", "{'a':1,'b':1}", "{'c':1}" },
	{ "{'dependentSchemas':{'a':{'properties':{'b':{}}}},'properties':"
	    "{'a':{}},'unevaluatedProperties':false}", "{'a':1,'b':1}",
	    "{'b':1}" },
	{ "{'patternProperties':{'^x':{}},'unevaluatedProperties':"
	    "{'type':'integer'}}", "{'x':'s','y':1}", "{'y':'s'}" },
	{ "{'allOf':[{'additionalProperties':true}],"
	    "'unevaluatedProperties':false}", "{'z':1}", "" },
	{ "{'prefixItems':[{}],'unevaluatedItems':false}", "[1];[]",
	    "[1,2]" },
	{ "{'allOf':[{'prefixItems':[true,true]}],'unevaluatedItems':false}",
	    "[1,2]", "[1,2,3]" },
	{ "{'allOf':[{'items':true}],'unevaluatedItems':false}", "[1,2]",
	    "" },
	{ "{'contains':{'type':'string'},'unevaluatedItems':{'type':"
	    "'integer'}}", "['a',1]", "['a',null]" },
	/* as tools have them */
	{ "{'type':'object','properties':{'path':{'type':'string',"
	    "'minLength':1},'limit':{'type':'integer','minimum':1,'maximum':"
	    "100},'mode':{'enum':['r','w']}},'required':['path'],"
	    "'additionalProperties':false}",
	    "{'path':'a'};{'path':'a','limit':100,'mode':'w'}",
	    "{};{'path':''};{'path':'a','limit':101};{'path':'a','mode':'x'};"
	    "{'path':'a','x':1};[]" },
	{ "{" D20 ",'type':'object','properties':{'edits':{'type':'array',"
	    "'minItems':1,'items':{'$ref':'#/$defs/edit'}}},'$defs':{'edit':"
	    "{'type':'object','required':['old','new'],'properties':{'old':"
	    "{'type':'string'},'new':{'type':'string'}}}}}",
	    "{'edits':[{'old':'a','new':''}]};{}",
	    "{'edits':[]};{'edits':[{'old':'a'}]};{'edits':[{'old':1,'new':"
	    "''}]}" },
};

#endif
