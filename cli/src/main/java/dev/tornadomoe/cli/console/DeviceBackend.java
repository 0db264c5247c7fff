package dev.tornadomoe.cli.console;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;

/// The backend for GPUs, which only some builds have.
public final class DeviceBackend {
  /// What `--backend` calls it.
  public static final String NAME = "tornado";

  /// What to do where it is not there.
  public static final String MISSING =
      "this build has no TornadoVM backend; it is built where a TornadoVM SDK is found "
          + "(TORNADOVM_HOME, or SDKMAN: sdk install tornadovm), see docs/tornadovm.md";

  /// In its jar, whether it can be loaded or not.
  private static final String IN_ITS_JAR = "/dev/tornadomoe/tornado/tornado.release";

  private DeviceBackend() {}

  /// The backend that a user named, this one or another.
  ///
  /// @throws BackendException when it is not there or can't run here, with what to do about it
  public static Backend require(String name) {
    try {
      return Backends.require(name);
    } catch (BackendException e) {
      if (name.equals(NAME) && DeviceBackend.class.getResource(IN_ITS_JAR) == null) {
        throw new BackendException(e.getMessage() + ": " + MISSING);
      }
      throw e;
    }
  }
}
