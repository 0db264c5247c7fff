package dev.tornadomoe.parallel.mpi;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

class OpenMpiTest extends MpiContract {

  @Override
  @Nullable Mpirun mpirun() throws IOException, InterruptedException {
    return Mpirun.openMpi();
  }

  @Override
  String debianPackage() {
    return "openmpi-bin";
  }

  @Override
  String otherLibrary() {
    return "libmpich.so.12";
  }
}
