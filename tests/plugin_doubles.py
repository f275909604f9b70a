"""A registry of the plug-ins that a test gives it, in place of a folder."""

from ecg_nas.errors import ConfigError


class GivenPlugins:
    error = ConfigError

    def __init__(self, what, plugins):
        self.what, self.plugins = what, plugins

    def available(self):
        return list(self.plugins)

    def load(self, name):
        if name not in self.plugins:
            raise ConfigError(f"the {self.what} must be one of {', '.join(self.plugins)}")
        return self.plugins[name]
