"""As much of streamparse.dsl as a topology file and the loader touch, for tests without the package."""

class Info:
    def __init__(self, fields, direct): self.output_fields, self.direct = fields, direct
class Group:
    def __init__(self, **kinds): vars(self).update({"shuffle": None, "fields": None}); vars(self).update(kinds)
class Source:
    def __init__(self, component, stream): self.componentId, self.streamId = component, stream
class Shell:
    def __init__(self, command, script): self.execution_command, self.script = command, script
class Java:
    full_class_name = "org.example.JavaSpout"
class Object:
    def __init__(self, shell=None, java=None): self.shell, self.java_object = shell, java
class Spec:
    def __init__(self, object, par=1, outputs=(), inputs=(), config=None):
        self.component_object, self.par, self.config = object, par, config
        self.outputs, self.inputs = dict(outputs), dict(inputs)
class ShellSpoutSpec(Spec): pass
class JavaSpoutSpec(Spec): pass
class ShellBoltSpec(Spec): pass
class TopologyType(type):
    def __new__(mcs, name, bases, space):
        specs = [value for value in space.values() if isinstance(value, Spec)]
        for key, value in space.items():
            if isinstance(value, Spec): value.name = key
        space.setdefault("config", {})
        space["specs"] = specs
        return type.__new__(mcs, name, bases, space)
class Topology(metaclass=TopologyType): pass
