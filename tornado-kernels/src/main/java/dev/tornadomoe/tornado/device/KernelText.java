package dev.tornadomoe.tornado.device;

/// Makes a program's kernels the same text at each start, so that drivers find them compiled in
/// their caches (PoCL's, NVIDIA's, Mesa's).
///
/// TornadoVM declares a kernel's variables in the order of hash tables, whose keys are constants of
/// `OCLKind`. An enum constant's hash code is random, but not after this: HotSpot draws the hash
/// codes of a thread from a sequence that begins with its seed, and the main thread's seed is the
/// same in each JVM. A constant keeps the code that it got first.
public final class KernelText {
  private static final String KINDS = "uk.ac.manchester.tornado.drivers.opencl.graal.lir.OCLKind";

  private KernelText() {}

  /// Gives the constants their hash codes. Worth the more the earlier the main thread calls it, and
  /// nothing where kernels are not OpenCL's.
  public static void settle() {
    try {
      for (Object kind : Class.forName(KINDS).getEnumConstants()) {
        System.identityHashCode(kind);
      }
    } catch (ClassNotFoundException e) {
      // Another driver of TornadoVM than OpenCL's.
    }
  }
}
