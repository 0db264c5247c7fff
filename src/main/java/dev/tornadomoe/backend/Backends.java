package dev.tornadomoe.backend;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/// The backends on the class path.
public final class Backends {
  /// The one that is always there, and what `auto` falls to where no other is.
  private static final String EMBEDDED = "cpu";

  private Backends() {}

  /// All of them, available or not.
  public static List<Backend> all() {
    List<Backend> backends = new ArrayList<>();
    ServiceLoader.load(Backend.class, Backends.class.getClassLoader()).forEach(backends::add);
    return backends;
  }

  /// The backend of this name. Never another one.
  ///
  /// @throws BackendException when there is none, or it can't run here, with what is missing
  public static Backend require(String name) {
    List<Backend> all = all();
    for (Backend backend : all) {
      if (backend.name().equals(name)) {
        if (!backend.availability().isAvailable()) {
          throw new BackendException(
              "backend \"%s\" can't run here: %s".formatted(name, backend.availability()));
        }
        return backend;
      }
    }
    throw new BackendException(
        "there is no backend \"%s\" on the class path (there are: %s)"
            .formatted(name, all.stream().map(Backend::name).collect(Collectors.joining(", "))));
  }

  /// The backend to use where the user has no wish: the embedded CPU backend.
  public static Backend auto() {
    return require(EMBEDDED);
  }
}
