package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.parallel.mpi.Launcher;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;

/// Which device a process takes where the user names none.
class TornadoDevicesTest {
  private static final TornadoDevices.Found CPU = found("0:0", TornadoDeviceType.CPU, "PoCL");
  private static final TornadoDevices.Found FIRST = found("0:1", TornadoDeviceType.GPU, "NVIDIA");
  private static final TornadoDevices.Found SECOND = found("0:2", TornadoDeviceType.GPU, "NVIDIA");

  /// The second GPU once more.
  private static final TornadoDevices.Found AGAIN = found("0:3", TornadoDeviceType.GPU, "Mesa");

  private static final List<TornadoDevices.Found> ALL = List.of(CPU, FIRST, SECOND, AGAIN);

  private static TornadoDevices.Found found(String index, TornadoDeviceType type, String platform) {
    return new TornadoDevices.Found(
        index,
        "OPENCL",
        (TornadoDevice)
            Proxy.newProxyInstance(
                TornadoDevicesTest.class.getClassLoader(),
                new Class<?>[] {TornadoDevice.class},
                (proxy, method, arguments) ->
                    switch (method.getName()) {
                      case "getDeviceType" -> type;
                      case "getPlatformName" -> platform;
                      case "equals" -> proxy == arguments[0];
                      case "hashCode" -> index.hashCode();
                      default -> throw new UnsupportedOperationException(method.getName());
                    }));
  }

  private static Launcher rank(int onThisHost) {
    return new Launcher(Launcher.Kind.OPEN_MPI, 8 + onThisHost, 16, onThisHost, 8);
  }

  @Test
  void aProcessAloneTakesTheFirstGpu() {
    assertThat(TornadoDevices.choose(ALL, (Launcher) null)).isEqualTo(FIRST);
    assertThat(TornadoDevices.reason(ALL, FIRST, null)).isEqualTo("the first GPU");
  }

  @Test
  void ranksOfAHostTakeItsGpusInTurn() {
    assertThat(TornadoDevices.choose(ALL, rank(0))).isEqualTo(FIRST);
    assertThat(TornadoDevices.choose(ALL, rank(1))).isEqualTo(SECOND);
    assertThat(TornadoDevices.choose(ALL, rank(2))).isEqualTo(FIRST);
    assertThat(TornadoDevices.reason(ALL, SECOND, rank(1)))
        .isEqualTo("GPU 2 of 2, for rank 1 of this host");
  }

  @Test
  void ranksThatSeeOneGpuTakeThat() {
    List<TornadoDevices.Found> one = List.of(CPU, FIRST);
    assertThat(TornadoDevices.choose(one, rank(1))).isEqualTo(FIRST);
    assertThat(TornadoDevices.reason(one, FIRST, rank(1))).isEqualTo("the first GPU");
  }

  @Test
  void withoutAGpuAllTakeTheFirstDevice() {
    assertThat(TornadoDevices.choose(List.of(CPU), rank(1))).isEqualTo(CPU);
    assertThat(TornadoDevices.reason(List.of(CPU), CPU, rank(1)))
        .isEqualTo("the first device; there is no GPU");
  }
}
