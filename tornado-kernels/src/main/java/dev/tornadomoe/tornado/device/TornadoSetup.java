package dev.tornadomoe.tornado.device;

import dev.tornadomoe.backend.Availability;
import java.util.Map;

/// Whether this JVM can use TornadoVM, and the settings that it must be loaded with. TornadoVM
/// reads them once, when its classes load, so nothing here touches one of them.
public final class TornadoSetup {
  /// The SDK's argfile sets it, together with some hundred other options of the JVM.
  private static final String ARGFILE_PROPERTY = "tornado.load.runtime.implementation";

  /// What each is for stands in docs/tornadovm.md. A value that the user set stays.
  private static final Map<String, String> SETTINGS =
      Map.of(
          // Relaxed arithmetic sums in another order in each kernel, and rows would depend on
          // aliases and chunks. TornadoVM's own flags but for that, and arrays in local memory that
          // begin at multiples of 16 bytes, without which no compiler reads four floats at once.
          "tornado.opencl.compiler.flags",
          "-cl-mad-enable -w -D__local=__attribute__((aligned(16)))__local",
          // A kernel that does not compile must be an error and not run in Java.
          "tornado.recover.bailout",
          "False",
          // Each execution clears wait lists of this size; the default costs 128 KiB a list.
          "tornado.max.events",
          "16",
          // Timing every kernel slows launches; replays have a queue of their own for that.
          "tornado.opencl.profiling.enable",
          "false",
          // Analyses that are done again at every execution.
          "tornado.experimental.reduce",
          "False",
          "tornado.check.parameters",
          "False",
          // Graphs of many tasks.
          "tornado.tvm.maxbytecodesize",
          "65536",
          // TornadoVM's own limit is 4 GB whatever the device has; what fits is checked here.
          "tornado.device.memory",
          "65536GB");

  private TornadoSetup() {}

  /// Whether the JVM was started for TornadoVM.
  public static Availability availability() {
    return System.getProperty(ARGFILE_PROPERTY) == null
        ? Availability.no(
            "this JVM was not started for TornadoVM",
            "start it with the SDK's argfile, java @$TORNADOVM_HOME/tornado-argfile ... (./moe does"
                + " so where TORNADOVM_HOME is set or SDKMAN has an SDK)")
        : Availability.yes();
  }

  /// Sets what the user has not set.
  public static synchronized void applySettings() {
    SETTINGS.forEach((name, value) -> {
      if (System.getProperty(name) == null) {
        System.setProperty(name, value);
      }
    });
  }
}
