'''The local Google Cloud: one process that answers on one port as Google's APIs do, from their discovery documents.

    python -m infra.localcloud.gcp --port 8085 --state /tmp/somewhere

A request goes this way: `server` finds the method (`routes`, from the discovery documents), `validate` checks query and
body and brings them into one form, `permissions` asks whether a service account may do it (people may do everything),
the method's handler answers, `validate` checks the answer. A handler raises a Refusal (`errors`) for what Google would
refuse. A method that no handler answers is 501 UNIMPLEMENTED; an answer that does not fit its schema is a bug: logged,
500 INTERNAL. `GET /_stile/journal` has every change of every resource.

How a service is added
----------------------
1. Generic resources: a row per kind in collections.toml (or in a table of the service's own: `Service(table=...)`).
   A row gives create, get, list, patch and delete over the store, with paging, filters, masks, etags, times,
   output-only and immutable fields, operations where the method answers one, 404 and 409. `Row` in `resources`
   documents the columns.
2. What the generic behaviour lacks: hooks on a kind (`Hooks` in `resources`), and handlers of single methods, which go
   before the generic ones:

       SERVICE = Service("cloudkms.v1", section="kms")

       @SERVICE.method("cloudkms.projects.locations.keyRings.cryptoKeys.encrypt")
       def encrypt(call: Call) -> Json:
           """Encrypt with the primary version."""
           key = call.cloud.store.get("cloudkms.projects.locations.keyRings.cryptoKeys", call.name)
           ...

       SERVICE.hooks("cryptoKeys").filling = _fill_key

   `policies.serve(SERVICE, "cloudkms.projects.locations.keyRings")` adds getIamPolicy, setIamPolicy and
   testIamPermissions. A module's `start(cloud)` is called once, for what a service does by itself.
3. A line in `services.MODULES`; or in `services.ROUTED` for a service whose requests are not JSON of a schema: its
   module has `routes(cloud)`, which returns starlette routes.

What a handler has: `call.name` (the path's resource or parent), `call.path`, `call.query`, `call.body`, `call.raw` and
`call.headers`, `call.principal` (the service account that acts), and `call.cloud` with
- `store`: resources by collection (the methods' prefix) and name; `change(collection, name, work)` is atomic, and the
  journal notes it;
- `operations.run(method, parent, Outcome(schema, kind), work, transition, later=...)`: a long-running operation, done
  at once or in a thread; it answers the operation's JSON;
- `part(Kind)`: this cloud's one instance of what a service keeps beside its resources (`cloudlogging.Entries`,
  `series.AllSeries`);
- `tokens`, `clock`, `journal`, `routes`, `home` (a folder), `endpoint_url`, `registry_url`.
A handler may return a starlette Response instead of JSON; `@SERVICE.method(..., raw=True)` leaves the body unread.
`states.transition(machine, action, name)` gives delay and injected fault of an action (states.toml, faults.toml). What
a method needs is in permissions/demands.toml where its id does not say it, what predefined roles hold in roles.toml.
`GET /_stile/clock` tells the cloud's time, POST `{"advance_seconds": N}` moves it.
'''
