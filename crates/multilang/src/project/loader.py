"""Imports a streamparse topology module and prints its Topology class as JSON.

Run with the project's own interpreter as `python -c THIS SRC_DIR TOPOLOGY_FILE`. Whatever the project
prints while it is imported goes to standard error; standard output carries one JSON object, also when the
import fails.
"""

import sys

# With -c the working directory comes first; a project's json.py must not replace the library.
sys.path[:] = [entry for entry in sys.path if entry]

import importlib
import json
import os
import sysconfig
import traceback


def failure(kind, error):
    lines = traceback.format_exception_only(type(error), error)
    return {
        "error": kind,
        "message": lines[-1].strip(),
        "traceback": traceback.format_exc(),
        "missing": getattr(error, "name", None) if isinstance(error, ImportError) else None,
    }


def find_class(module, base, metaclass):
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, metaclass) and value is not base
    ]
    own = [value for value in found if value.__module__ == module.__name__]
    return (own or found or [None])[0]


def grouping(thrift):
    for kind, value in vars(thrift).items():
        if value is None:
            continue
        if kind == "fields":
            return {"type": "fields", "fields": list(value)} if value else {"type": "global"}
        return {"type": kind}
    return {"type": "shuffle"}


def component(spec, kinds):
    described = {
        "id": spec.name,
        "kind": "spout" if isinstance(spec, kinds["spouts"]) else "bolt",
        "par": spec.par,
        "config": json.loads(spec.config) if isinstance(spec.config, str) else (spec.config or {}),
        "outputs": [
            {"stream": name, "fields": list(info.output_fields or []), "direct": bool(info.direct)}
            for name, info in spec.outputs.items()
        ],
        "inputs": [
            {"component": source.componentId, "stream": source.streamId, "grouping": grouping(how)}
            for source, how in (spec.inputs or {}).items()
        ],
    }
    shell = spec.component_object.shell
    if shell is not None:
        described["shell"] = {"command": shell.execution_command, "script": shell.script}
    else:
        java = spec.component_object.java_object
        described["jvm"] = java.full_class_name if java is not None else "a serialized Java object"
    return described


def load(src, path):
    try:
        import streamparse.dsl.topology as dsl
        from streamparse.dsl.spout import JavaSpoutSpec, ShellSpoutSpec
    except Exception as error:
        return failure("streamparse", error)
    folder, name = os.path.split(path)
    sys.path.append(src)
    sys.path.append(folder)
    try:
        module = importlib.import_module(os.path.splitext(name)[0])
    except (Exception, SystemExit) as error:
        return failure("import", error)
    topology = find_class(module, dsl.Topology, dsl.TopologyType)
    if topology is None:
        return {"error": "no_class", "message": "no subclass of streamparse.Topology", "traceback": ""}
    kinds = {"spouts": (ShellSpoutSpec, JavaSpoutSpec)}
    return {
        "class": topology.__name__,
        "config": topology.config,
        "components": [component(spec, kinds) for spec in topology.specs],
    }


def main():
    result = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    loaded = load(sys.argv[1], sys.argv[2])
    loaded["python"] = {
        "executable": sys.executable,
        "scripts": sysconfig.get_path("scripts"),
        "version": sys.version.split()[0],
    }
    result.write(json.dumps(loaded, default=str))
    result.flush()
    # Threads that the project started on import would keep the interpreter alive.
    os._exit(0)


main()
