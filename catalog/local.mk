# Installed data of the catalog; the rules of the scripted backend go with it.
nobase_dist_pkgdata_DATA = \
	catalog/agents/analyst/agent.json \
	catalog/agents/analyst/system-prompt.md \
	catalog/agents/coder/agent.json \
	catalog/agents/coder/system-prompt.md \
	catalog/agents/default/agent.json \
	catalog/agents/default/system-prompt.md \
	catalog/agents/researcher/agent.json \
	catalog/agents/researcher/system-prompt.md \
	catalog/agents/writer/agent.json \
	catalog/agents/writer/system-prompt.md \
	catalog/core_soul.json \
	catalog/skills/code-reviewer/SKILL.md \
	catalog/skills/code-reviewer/references/checklist.md \
	catalog/skills/fact-checker/SKILL.md \
	catalog/skills/fact-checker/references/sources.md \
	catalog/skills/summarizer/SKILL.md

# Scripts keep their mode.
nobase_dist_pkgdata_SCRIPTS = \
	catalog/skills/code-reviewer/scripts/overview.sh
