# SPDX-License-Identifier: Apache-2.0
#
# September::MockLLM::Forms - a reply of the script in the words of each
# provider: as a list of stream events, as one object, as an error.
#
# The forms follow the providers' public references (OpenAI Chat Completions
# and Embeddings, Anthropic Messages, Gemini generateContent).
package September::MockLLM::Forms;

use strict;
use warnings;

use Digest::SHA ();
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;

# The form that a request speaks; undef when none does.
sub of
{
	my ($class, $method, $path, $body) = @_;
	my %f = (body => ref $body eq 'HASH' ? $body : {});

	return if $method ne 'POST';
	if ($path =~ m{/chat/completions\z}) {
		$f{stream} = $f{body}{stream};
		return bless \%f, 'September::MockLLM::OpenAI';
	}
	if ($path =~ m{/embeddings\z}) {
		$f{embed} = 1;
		return bless \%f, 'September::MockLLM::OpenAI';
	}
	if ($path =~ m{\A/v1/messages\z}) {
		$f{stream} = $f{body}{stream};
		return bless \%f, 'September::MockLLM::Anthropic';
	}
	if ($path =~
	    m{\A/v1beta/models/([^:/]+):(stream)?[gG]enerateContent}) {
		($f{model}, $f{stream}) = ($1, $2);
		return bless \%f, 'September::MockLLM::Gemini';
	}
	return;
}

# The blocks of a reply, in order: {type, pieces} or {type, name, input, ...}.
sub blocks
{
	my ($self, $r) = @_;
	my @b = @{ $r->{blocks} // [] };

	if (!@b) {
		push @b, { type => 'thinking', text => $r->{thinking},
		    signature => 'sig-' . ($r->{signature} // 1) }
		    if defined $r->{thinking};
		push @b, { type => 'text', text => $r->{text} }
		    if defined $r->{text};
		push @b, map { { type => 'tool', %$_ } }
		    @{ $r->{tools} // [] };
	}
	my $n = 0;

	for my $b (@b) {
		$n++;
		if ($b->{type} eq 'tool') {
			$b->{id} //= "call_mock_$n";
			$b->{json} = ref $b->{input} || !defined $b->{input} ?
			    $json->encode($b->{input} // {}) : $b->{input};
			my $step = $b->{split} || 8;

			$b->{pieces} = [$b->{json} =~ /(.{1,$step})/gs];
		} else {
			$b->{pieces} = ref $b->{text} ? $b->{text} :
			    [$b->{text} =~ /(\s*\S+|\s+\z)/g];
		}
	}
	return @b;
}

sub usage
{
	my ($self, $r) = @_;
	my %u = (input => 10, output => 5, cached => 0,
	    %{ $r->{usage} // {} });

	return \%u;
}

sub stop_of
{
	my ($self, $r) = @_;

	return $r->{stop} // ((grep { $_->{type} eq 'tool' }
	    $self->blocks($r)) ? 'tool_use' : 'end_turn');
}

sub data { return 'data: ' . $json->encode($_[0]) . "\n\n" }

package September::MockLLM::OpenAI;

use parent -norequire, 'September::MockLLM::Forms';
use strict;
use warnings;

my %finish = (end_turn => 'stop', max_tokens => 'length',
    tool_use => 'tool_calls', refusal => 'content_filter');

sub key
{
	my ($self, $h) = @_;

	return ($h->{authorization} // '') =~ /\ABearer (.*)\z/ ? $1 : undef;
}

sub error
{
	my ($self, $status, $text) = @_;

	return { error => { message => $text, code => undef, type =>
	    $status == 429 ? 'rate_limit_error' : $status == 401 ?
	    'invalid_request_error' : 'server_error' } };
}

sub error_event
{
	my ($self) = @_;

	return September::MockLLM::Forms::data(
	    $self->error(500, 'overloaded'));
}

sub use_of
{
	my ($self, $r) = @_;
	my $u = $self->usage($r);

	return { prompt_tokens => $u->{input}, completion_tokens =>
	    $u->{output}, total_tokens => $u->{input} + $u->{output},
	    prompt_tokens_details => { cached_tokens => $u->{cached} } };
}

sub piece
{
	my ($self, $delta, $finish) = @_;

	return September::MockLLM::Forms::data({ id => 'chatcmpl-mock',
	    object => 'chat.completion.chunk', created => 1750000000,
	    model => $self->{body}{model}, choices => [{ index => 0,
	    delta => $delta, finish_reason => $finish }] });
}

sub events
{
	my ($self, $r) = @_;
	my @e = ($self->piece({ role => 'assistant', content => '' }));
	my $calls = 0;

	for my $b ($self->blocks($r)) {
		if ($b->{type} eq 'tool') {
			my $i = $calls++;

			push @e, $self->piece({ tool_calls => [{ index => $i,
			    id => $b->{id}, type => 'function', function =>
			    { name => $b->{name}, arguments => '' } }] });
			push @e, map { $self->piece({ tool_calls => [{
			    index => $i, function => { arguments => $_ }
			    }] }) } @{ $b->{pieces} };
		} else {
			my $k = $b->{type} eq 'text' ? 'content' :
			    'reasoning_content';

			push @e, map { $self->piece({ $k => $_ }) }
			    @{ $b->{pieces} };
		}
	}
	push @e, $self->piece({}, $finish{ $self->stop_of($r) } //
	    $self->stop_of($r));
	push @e, September::MockLLM::Forms::data({ id => 'chatcmpl-mock',
	    object => 'chat.completion.chunk', choices => [],
	    usage => $self->use_of($r) })
	    if $self->{body}{stream_options}{include_usage};
	return @e, "data: [DONE]\n\n";
}

sub whole
{
	my ($self, $r) = @_;
	my @b = $self->blocks($r);
	my @calls = map { { id => $_->{id}, type => 'function', function =>
	    { name => $_->{name}, arguments => $_->{json} } } }
	    grep { $_->{type} eq 'tool' } @b;
	my $text = join '', map { @{ $_->{pieces} } }
	    grep { $_->{type} eq 'text' } @b;

	return { id => 'chatcmpl-mock', object => 'chat.completion',
	    model => $self->{body}{model}, usage => $self->use_of($r),
	    choices => [{ index => 0, finish_reason =>
	    $finish{ $self->stop_of($r) } // $self->stop_of($r),
	    message => { role => 'assistant', content => $text,
	    @calls ? (tool_calls => \@calls) : () } }] };
}

# Words as signs in 64 dimensions: texts that share words lie close.
sub embeddings
{
	my ($self) = @_;
	my $in = $self->{body}{input} // '';
	my (@out, $i);

	for my $text (ref $in ? @$in : $in) {
		my @v = (0) x 64;

		for my $w (lc($text) =~ /\w+/g) {
			utf8::encode($w) if utf8::is_utf8($w);
			$v[ord substr(Digest::SHA::sha1($w), 0, 1) & 63]++;
		}
		my $len = 0;

		$len += $_ * $_ for @v;
		$len = sqrt($len) || 1;
		push @out, { object => 'embedding', index => $i++ // 0,
		    embedding => [map { $_ / $len } @v] };
	}
	return { object => 'list', model => $self->{body}{model},
	    data => \@out, usage => { prompt_tokens => 1,
	    total_tokens => 1 } };
}

package September::MockLLM::Anthropic;

use parent -norequire, 'September::MockLLM::Forms';
use strict;
use warnings;

sub key { my ($self, $h) = @_; return $h->{'x-api-key'} }

sub error
{
	my ($self, $status, $text) = @_;
	my %type = (400 => 'invalid_request_error', 401 =>
	    'authentication_error', 429 => 'rate_limit_error',
	    529 => 'overloaded_error');

	return { type => 'error', error => { message => $text,
	    type => $type{$status} // 'api_error' } };
}

sub named
{
	my ($d) = @_;

	return "event: $d->{type}\n" . September::MockLLM::Forms::data($d);
}

sub error_event
{
	my ($self) = @_;

	return named($self->error(529, 'overloaded'));
}

# What a block is at its start, and its deltas.
sub start_of
{
	my ($b) = @_;

	return { type => 'tool_use', id => $b->{id}, name => $b->{name},
	    input => {} } if $b->{type} eq 'tool';
	return { type => 'thinking', thinking => '', signature => '' }
	    if $b->{type} eq 'thinking';
	return { type => 'text', text => '' };
}

sub deltas_of
{
	my ($b) = @_;
	my %kind = (tool => ['input_json_delta', 'partial_json'],
	    thinking => ['thinking_delta', 'thinking'],
	    text => ['text_delta', 'text']);
	my ($type, $field) = @{ $kind{ $b->{type} } };
	my @d = map { { type => $type, $field => $_ } } @{ $b->{pieces} };

	push @d, { type => 'signature_delta', signature =>
	    $b->{signature} // 'sig' } if $b->{type} eq 'thinking';
	return @d;
}

sub use_of
{
	my ($self, $r) = @_;
	my $u = $self->usage($r);

	return { input_tokens => $u->{input} - $u->{cached},
	    cache_read_input_tokens => $u->{cached},
	    cache_creation_input_tokens => 0, output_tokens => 1 };
}

sub events
{
	my ($self, $r) = @_;
	my $i = 0;
	my @e = (named({ type => 'message_start', message => {
	    id => 'msg_mock', type => 'message', role => 'assistant',
	    content => [], model => $self->{body}{model}, stop_reason =>
	    undef, stop_sequence => undef, usage => $self->use_of($r) } }));

	for my $b ($self->blocks($r)) {
		push @e, named({ type => 'content_block_start', index => $i,
		    content_block => start_of($b) });
		push @e, named({ type => 'ping' }) if $i == 0;
		push @e, map { named({ type => 'content_block_delta',
		    index => $i, delta => $_ }) } deltas_of($b);
		push @e, named({ type => 'content_block_stop',
		    index => $i++ });
	}
	return @e, named({ type => 'message_delta', delta => {
	    stop_reason => $self->stop_of($r), stop_sequence => undef },
	    usage => { output_tokens => $self->usage($r)->{output} } }),
	    named({ type => 'message_stop' });
}

sub whole
{
	my ($self, $r) = @_;
	my @content;

	for my $b ($self->blocks($r)) {
		my $c = start_of($b);

		$c->{input} = $json->decode($b->{json})
		    if $b->{type} eq 'tool';
		$c->{ $b->{type} } = join '', @{ $b->{pieces} }
		    if $b->{type} ne 'tool';
		push @content, $c;
	}
	return { id => 'msg_mock', type => 'message', role => 'assistant',
	    model => $self->{body}{model}, content => \@content,
	    stop_reason => $self->stop_of($r), usage => {
	    %{ $self->use_of($r) },
	    output_tokens => $self->usage($r)->{output} } };
}

package September::MockLLM::Gemini;

use parent -norequire, 'September::MockLLM::Forms';
use strict;
use warnings;

my %reason = (end_turn => 'STOP', tool_use => 'STOP',
    max_tokens => 'MAX_TOKENS', refusal => 'SAFETY');

sub key { my ($self, $h) = @_; return $h->{'x-goog-api-key'} }

sub error
{
	my ($self, $status, $text) = @_;
	my %name = (400 => 'INVALID_ARGUMENT', 401 => 'UNAUTHENTICATED',
	    429 => 'RESOURCE_EXHAUSTED', 503 => 'UNAVAILABLE');

	return { error => { code => $status, message => $text,
	    status => $name{$status} // 'INTERNAL' } };
}

sub error_event
{
	my ($self) = @_;

	return September::MockLLM::Forms::data(
	    $self->error(503, 'overloaded'));
}

# Gemini hands out a function call in one part.
sub parts_of
{
	my ($b) = @_;

	return { functionCall => { name => $b->{name},
	    args => $json->decode($b->{json}) } } if $b->{type} eq 'tool';
	return map { { text => $_, $b->{type} eq 'thinking' ?
	    (thought => JSON::PP::true) : () } } @{ $b->{pieces} };
}

sub candidate
{
	my ($self, $r, $last, @parts) = @_;
	my %c = (content => { role => 'model', parts => \@parts },
	    index => 0);
	my %o = (candidates => [\%c], modelVersion => $self->{model});
	my $u = $self->usage($r);

	if ($last) {
		$c{finishReason} = $reason{ $self->stop_of($r) } //
		    $self->stop_of($r);
		$o{usageMetadata} = { promptTokenCount => $u->{input},
		    candidatesTokenCount => $u->{output},
		    totalTokenCount => $u->{input} + $u->{output},
		    cachedContentTokenCount => $u->{cached} };
	}
	return \%o;
}

sub events
{
	my ($self, $r) = @_;
	my @parts = map { parts_of($_) } $self->blocks($r);

	return map { September::MockLLM::Forms::data($_) }
	    (map { $self->candidate($r, 0, $_) } @parts),
	    $self->candidate($r, 1, { text => '' });
}

sub whole
{
	my ($self, $r) = @_;

	return $self->candidate($r, 1,
	    map { parts_of($_) } $self->blocks($r));
}

1;
