package dev.tornadomoe.backend;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/// The backends on the class path.
public final class Backends {
  /// The one that is always there, and what `auto` falls to where no other is.
  private static final String EMBEDDED = "cpu";

  private static final System.Logger LOG = System.getLogger("dev.tornadomoe.backend");

  private Backends() {}

  /// {@return all backends, available or not} One that can't even be loaded is left out, and a
  /// warning says so.
  public static List<Backend> all() {
    Found found = find();
    found.broken().forEach(why -> LOG.log(System.Logger.Level.WARNING, why));
    return found.backends();
  }

  /// What is on the class path.
  ///
  /// @param broken why others could not be loaded
  private record Found(List<Backend> backends, List<String> broken) {}

  private static Found find() {
    List<Backend> backends = new ArrayList<>();
    List<String> broken = new ArrayList<>();
    Iterator<Backend> loader =
        ServiceLoader.load(Backend.class, Backends.class.getClassLoader()).iterator();
    while (true) {
      try {
        if (!loader.hasNext()) {
          return new Found(backends, broken);
        }
        backends.add(loader.next());
      } catch (ServiceConfigurationError | LinkageError e) {
        broken.add("a backend can't be loaded: " + e.getMessage());
      }
    }
  }

  /// The backend of this name. Never another one.
  ///
  /// @param name as [Backend#name] says it
  /// @return the backend of this name, which can run here
  /// @throws BackendException when there is none, or it can't run here, with what is missing
  public static Backend require(String name) {
    Found found = find();
    for (Backend backend : found.backends()) {
      if (backend.name().equals(name)) {
        if (!backend.availability().isAvailable()) {
          throw new BackendException(
              String.format(
                  Locale.ROOT, "backend \"%s\" can't run here: %s", name, backend.availability()));
        }
        return backend;
      }
    }
    throw new BackendException(
        String.format(
            Locale.ROOT,
            "there is no backend \"%s\" on the class path (there are: %s)%s",
            name,
            found.backends().stream().map(Backend::name).collect(Collectors.joining(", ")),
            found.broken().stream().map(why -> "; " + why).collect(Collectors.joining())));
  }

  /// {@return the backend to use where the user names none: the embedded CPU backend}
  public static Backend auto() {
    return require(EMBEDDED);
  }
}
