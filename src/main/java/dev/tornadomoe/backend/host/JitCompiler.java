package dev.tornadomoe.backend.host;

import java.lang.management.ManagementFactory;
import javax.management.JMException;
import javax.management.ObjectName;

/// What the JVM's compiler is doing. It works beside the program, on a busy machine for many
/// seconds after a method was called often enough; until then code runs uncompiled.
public final class JitCompiler {
  /// HotSpot's diagnostic command `Compiler.queue` lists methods that are being compiled and those
  /// that wait for it.
  private static final String COMMANDS = "com.sun.management:type=DiagnosticCommand";

  private static final String OURS = "dev.tornadomoe.";

  private JitCompiler() {}

  /// Whether a method of this library is being compiled or waits for it. Always false on JVMs that
  /// don't say.
  public static boolean isBusy() {
    try {
      Object queue =
          ManagementFactory.getPlatformMBeanServer()
              .invoke(
                  new ObjectName(COMMANDS),
                  "compilerQueue",
                  new Object[] {new String[0]},
                  new String[] {String[].class.getName()});
      return queue.toString().contains(OURS);
    } catch (JMException e) {
      return false;
    }
  }
}
