/** Which part of the work goes to which part of the machine: layers, nodes, kinds of device, sequences. */
@org.jspecify.annotations.NullMarked
package io.longhaul.planner.place;
