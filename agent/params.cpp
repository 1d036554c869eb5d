namespace sampan {}
