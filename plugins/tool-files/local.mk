# Sources of this plugin.
