# What a system needs around the program: manual pages, the service.
dist_man_MANS += core/dist/man/september-engine.8 \
	core/dist/man/september-engine.env.5

EXTRA_DIST += core/dist/first-turn.pl \
	core/dist/september-engine.service.in \
	core/dist/sysusers.conf.in core/dist/tmpfiles.conf.in

# The folders of the installation are put in by make: configure knows them
# only as ${prefix}/..., which is no use in a unit.
edit_paths = sed -e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g'

if WITH_SYSTEMD
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
systemdsystemunit_DATA = core/dist/september-engine.service
sysusers_DATA = core/dist/sysusers.d/september-engine.conf
tmpfiles_DATA = core/dist/tmpfiles.d/september-engine.conf
CLEANFILES += $(systemdsystemunit_DATA) $(sysusers_DATA) $(tmpfiles_DATA)

core/dist/september-engine.service: core/dist/september-engine.service.in
	$(AM_V_GEN)$(MKDIR_P) core/dist && \
	  $(edit_paths) $(srcdir)/core/dist/$(@F).in >$@.tmp && mv $@.tmp $@
core/dist/sysusers.d/september-engine.conf: core/dist/sysusers.conf.in
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	  $(edit_paths) $(srcdir)/core/dist/sysusers.conf.in >$@.tmp && \
	  mv $@.tmp $@
core/dist/tmpfiles.d/september-engine.conf: core/dist/tmpfiles.conf.in
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	  $(edit_paths) $(srcdir)/core/dist/tmpfiles.conf.in >$@.tmp && \
	  mv $@.tmp $@
endif
